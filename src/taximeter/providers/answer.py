"""Answer: what one response has told so far. Each wire format is a subclass in a file of its own."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from taximeter.framing import Framing, ServerSentEvents
from taximeter.providers.endpoint import Endpoint
from taximeter.providers.facts import Facts, RequestFacts
from taximeter.providers.failure import read_failure
from taximeter.providers.values import as_mapping, as_text, has_unreadable_count

LIMIT = 4096
"""How many choices, calls and the like are told apart in one response; memory stays bounded beyond it."""


_REASONS = (str, int)


class UnreadableDocumentError(ValueError):
    """A document that holds another one which is none."""


UNREADABLE = (msgspec.MsgspecError, UnreadableDocumentError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are no JSON, or nested too deep, or of another shape than asked for."""


class Answer:
    """Takes the documents of one response, whole or streamed, and keeps the facts.

    A subclass says which `shape` of a document it wants decoded, reads one document in `add`, and works its counters
    out in `settle`. None of them may assume that a server sends what its documentation says.
    """

    shape: ClassVar[Any] = dict[str, Any]
    """What a document is decoded into; a struct or TypedDict names the fields of interest, the others are skipped."""

    request_shape: ClassVar[Any] = dict[str, Any]
    """The same of a request."""

    framing: ClassVar[type[Framing]] = ServerSentEvents
    """How the format streams when the response itself does not say."""

    text_types: ClassVar[frozenset[str]] = frozenset()
    """The content types of answers that are plain text, which tells nothing."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.event = ""  # the name of the event that is being read, empty where the framing has none
        self.facts = Facts(endpoint.wire_format, endpoint.operation, endpoint.provider)
        self.has_output = False
        self.complete = False
        self.usage_is_final = False
        self.is_torn = False  # the body ended amid a document
        self.choices = 1  # that were asked for
        self._finish_reasons: dict[int, str] = {}

    @staticmethod
    def read_request(body: Mapping[str, Any]) -> RequestFacts:
        """Return what the decoded request body tells."""
        return RequestFacts(
            model=as_text(body.get("model")),
            streaming=body.get("stream") is True,
            service_tier=as_text(body.get("service_tier")),
        )

    reads_headers: ClassVar[bool] = False
    """Whether the response's headers hold counts."""

    usage_name: ClassVar[str] = "usage"
    """The field of a response that holds the usage."""

    @classmethod
    def as_response(cls, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return *document*, wrapped as a response when it is only the usage of one."""
        return (
            document if cls.usage_name in document or not _is_usage(document) else {cls.usage_name: document}
        )

    def is_plain(self, document: bytes) -> bool:
        """Whether the document, a chunk after the first output, certainly tells nothing new; judged by its bytes."""
        return not document

    def is_passing(self, document: bytes) -> bool:
        """Whether the document, a chunk after the first output, tells only what the next one tells anew."""
        return not document

    def add(self, document: Any) -> None:
        """Take one decoded document, the whole body or one event of a stream.

        Args:
            document: As `shape` says, or a mapping.
        """
        raise NotImplementedError

    def see_headers(self, headers: Mapping[str, str]) -> None:
        """Take the response's headers, their names in lower case."""

    def settle(self) -> None:
        """Work out what only the whole tells, the usage above all."""

    def finish(self) -> Facts:
        """Return the facts of the whole."""
        self.settle()
        facts = self.facts
        reasons = self._finish_reasons
        if len(reasons) > 1:
            reasons = dict(sorted(reasons.items()))
        facts.finish_reasons = tuple(reasons.values())
        usage = facts.usage
        if usage is not None and (usage.uncached_input_tokens is None or usage.text_output_tokens is None):
            facts.partial = facts.raw_usage is not None and has_unreadable_count(facts.raw_usage)
        return facts

    def note_identity(
        self, document: Mapping[str, Any], id_name: str = "id", model_name: str = "model"
    ) -> None:
        """Keep the first id and model that say something; Azure's first chunk has empty ones."""
        self.note_names(as_text(document.get(id_name)), as_text(document.get(model_name)))

    def note_names(self, response_id: str | None, model: str | None) -> None:
        """Do the same with both at hand."""
        facts = self.facts
        facts.response_id = facts.response_id or response_id or None
        facts.model = facts.model or model or None

    def note_finish(self, choice: int, reason: Any) -> None:
        """Keep why the choice of that index ended; Vertex's protobuf enums come as integers."""
        if type(reason) in _REASONS and len(self._finish_reasons) < LIMIT:
            self._finish_reasons[choice] = str(reason) or self._finish_reasons.get(choice, "")

    def note_failure(self, document: Mapping[str, Any], status: int | None = None) -> bool:
        """Keep the error that the document tells of; return whether it does."""
        if not document.get("error") or (failure := read_failure(document, status)) is None:
            return False
        self.facts.error_type, self.facts.error_status, self.facts.error_retryable = failure
        return True


def nested(document: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the object at *path*, an empty one where something on the way is missing."""
    for name in path:
        document = as_mapping(document.get(name))
    return document


def _is_usage(document: Mapping[str, Any]) -> bool:
    return any("token" in str(name).lower() for name in document)
