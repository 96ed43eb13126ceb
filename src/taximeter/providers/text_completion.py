"""Text completions of the older kind; they differ in names only, so the names are the table.

Titan, Llama, Mistral, Cohere, AI21 and Claude 2 on Bedrock, Anthropic's `/v1/complete`, watsonx, Replicate, Aleph
Alpha, Hugging Face's text-generation-inference, llama.cpp's `/completion`. Documented (2026-11) at docs.aws.amazon.com/bedrock/latest/
userguide/model-parameters.html, docs.anthropic.com/en/api/complete, cloud.ibm.com/apidocs/watsonx-ai#text-generation,
replicate.com/docs/reference/http#predictions.create, docs.aleph-alpha.com/api/complete,
huggingface.co/docs/text-generation-inference/en/reference/api_reference, github.com/ggml-org/llama.cpp/blob/master/
tools/server/README.md.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from taximeter.providers.answer import Answer
from taximeter.providers.values import (
    as_count,
    as_items,
    as_mapping,
    count_of,
    first_count,
    known_sum,
)
from taximeter.usage import Usage

_LISTS = ("results", "outputs", "generations", "completions")
_HOLDERS = ("details", "metrics", "timings")
_ENDS = ("stop_reason", "finish_reason", "completionReason", "finishReason", "stop_type")
_IDS = ("id", "response_id")
_MODELS = ("model", "model_id")
_INPUTS = (
    "inputTextTokenCount",
    "prompt_token_count",
    "input_token_count",
    "input_length",
    "num_tokens_prompt_total",
    "tokens_evaluated",
)
_OUTPUTS = (
    "generation_token_count",
    "totalOutputTextTokenCount",
    "generated_token_count",
    "num_tokens_generated",
    "output_token_count",
    "generated_tokens",
    "tokens_predicted",
)
_OUTPUTS_IN_RESULTS = (*_OUTPUTS, "tokenCount")  # Titan
_NOT_FINISHED = "not_finished"  # watsonx, in every event but the last


class TextAnswer(Answer):
    """A body or the events of a stream.

    Counts in a stream are running totals, some of them missing or zero in later events, so the largest counts.
    """

    @classmethod
    def as_response(cls, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return *document*: the counts stand in the response itself."""
        return document

    def add(self, document: Mapping[str, Any]) -> None:
        """Take a body or one event."""
        self.note_failure(document)
        for id_name in _IDS:
            for model_name in _MODELS:
                self.note_identity(document, id_name, model_name)
        results = list(_results(document))
        self.has_output = self.has_output or bool(document)
        for index, part in enumerate([document, *results]):
            self._add_end(index, part)
        self._add_counts(document, results)

    def settle(self) -> None:
        """Work out usage."""
        self.complete = self.complete or any(self._finish_reasons.values())
        if raw := self.facts.raw_usage:
            self.facts.usage = Usage(
                uncached_input_tokens=count_of(raw, "input_tokens"),
                text_output_tokens=count_of(raw, "output_tokens"),
            )

    def _add_end(self, index: int, part: Mapping[str, Any]) -> None:
        for name in _ENDS:
            reason = part.get(name)
            if str(reason).lower() != _NOT_FINISHED:
                self.note_finish(index, as_mapping(reason).get("reason") or reason)
        if isinstance(details := part.get("details"), Mapping):
            self.note_finish(index, details.get("finish_reason"))

    def _add_counts(self, document: Mapping[str, Any], results: list[Mapping[str, Any]]) -> None:
        holders = [document, *(as_mapping(document.get(name)) for name in _HOLDERS)]
        inputs = [first_count(holder, *_INPUTS) for holder in holders]
        outputs = [first_count(holder, *_OUTPUTS) for holder in holders]
        # Several results, each with counts of its own, are one answer together.
        parts = [{**as_mapping(result.get("details")), **result} for result in results]
        inputs.append(known_sum(*(first_count(part, *_INPUTS) for part in parts)))
        outputs.append(known_sum(*(first_count(part, *_OUTPUTS_IN_RESULTS) for part in parts)))
        timings = as_mapping(document.get("timings"))  # llama.cpp's, all that some of its answers count in
        inputs.append(known_sum(count_of(timings, "prompt_n"), count_of(timings, "cache_n")))
        outputs.append(count_of(timings, "predicted_n"))
        for name, counts in (("input_tokens", inputs), ("output_tokens", outputs)):
            if known := [count for count in counts if count is not None]:
                raw = self.facts.raw_usage = self.facts.raw_usage or {}
                raw[name] = max(as_count(raw.get(name)) or 0, *known)


class HuggingFaceAnswer(TextAnswer):
    """A text, or a list of texts, as the inference API wraps even a single one."""

    shape: ClassVar[Any] = Any

    def add(self, document: Any) -> None:
        """Take a body or one event."""
        super().add({"outputs": document} if isinstance(document, list) else as_mapping(document))


class ReplicateAnswer(TextAnswer):
    """A prediction: why it ended is its status."""

    def _add_end(self, index: int, part: Mapping[str, Any]) -> None:
        if index == 0:
            self.note_finish(0, part.get("status"))


def _results(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in _LISTS:
        yield from as_items(document.get(name))
