"""Reading: one interaction, read while it passes by."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from taximeter.framing import (
    BinaryBody,
    Document,
    Framing,
    JsonLines,
    WholeBody,
    choose_framing,
    head_bytes,
)
from taximeter.providers.answer import UNREADABLE, Answer
from taximeter.providers.directory import FORMATS
from taximeter.providers.endpoint import Endpoint
from taximeter.providers.estimate import TextLength, add_estimate
from taximeter.providers.facts import Facts, RequestFacts
from taximeter.providers.failure import bare_word, failure_of
from taximeter.providers.headers import lower_cased, media_type
from taximeter.providers.likeness import Likeness, likeness_of
from taximeter.providers.salvage import salvage
from taximeter.providers.shape import shaped

_RAW_USAGE_LIMIT_BYTES = 16 * 1024
_REQUEST_LIMIT_BYTES = 2 * 1024 * 1024
"""Requests beyond it are mostly pictures: only their short fields are looked for, for the time the rest would take."""

_SHORT_FIELD = re.compile(rb'"(model|service_tier)"\s*:\s*"([^"\\]{1,200})"|"(stream)"\s*:\s*true')
_SHORT_FIELD_REACH_BYTES = 64 * 1024
_FORM_FIELD = re.compile(rb'\bname="(model|service_tier)"\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]{1,200})\r?\n')
_MARK = b"\xef\xbb\xbf"  # of byte order, which some gateways write before a body
_PARTS_OF_MARK = (_MARK[:1], _MARK[:2])
_JSON_SPACE = b" \t\r\n"
_LEAD_LIMIT_BYTES = 4096
"""A body that begins with more white space is framed as its label and its format say."""

_TRIES = 16

_DONE = b"[DONE]"  # OpenAI's end mark, which the compatible servers copied


class Reading:
    """Reads one response while it passes; it never raises and keeps a bounded part of it.

    Args:
        endpoint: What `identify` said of the URL.
        request_body: The request's JSON as sent or decoded; None where it is not known.
    """

    __slots__ = (
        "_answer",
        "_body",
        "_facts",
        "_framing",
        "_headers",
        "_lead",
        "_passing",
        "_request",
        "_status",
        "_text",
        "_tries",
        "_unreadable",
        "endpoint",
        "fault",
        "likeness",
        "unparsed",
    )

    def __init__(self, endpoint: Endpoint, request_body: bytes | Mapping[str, Any] | None = None) -> None:
        self.endpoint = endpoint
        self.unparsed = 0
        """How many documents could not be read."""
        self.fault: Exception | None = None
        """The last mistake of our own; None as long as no parser has stumbled."""
        self.likeness: Likeness | None = None
        """What chunks that hold nothing but text have in common; None until one has come."""
        self._answer: Answer = FORMATS[endpoint.wire_format].answer(endpoint)
        self._body = request_body
        self._request: RequestFacts | None = None
        self._status = 200
        self._headers: Mapping[str, str] = {}
        self._framing: Framing | None = None
        self._lead = b""  # what has come while nothing tells the framing
        self._facts: Facts | None = None
        self._unreadable = False
        self._passing: Document | None = None
        self._text = TextLength()
        self._tries = _TRIES

    @property
    def has_output(self) -> bool:
        """Whether generated content has been seen: text, reasoning, a tool call, an embedding."""
        return self._answer.has_output

    @property
    def complete(self) -> bool:
        """Whether the wire's own end mark, or the whole body, has been seen."""
        return self._answer.complete

    @property
    def request(self) -> RequestFacts:
        """What the request tells; read when first asked for."""
        if self._request is None:
            self._request = read_request(self.endpoint, self._body)
        return self._request

    def respond(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the status and the headers of the response."""
        self._status = status
        self._headers = headers

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body, decompressed, however they were cut."""
        try:
            framing = self._framing
            if framing is None:
                data = self._lead = (self._lead + data).removeprefix(_MARK)
                if (framing := self._begin()) is None:
                    return
            if isinstance(framing, WholeBody):
                framing.feed(data)  # of which nothing can be read before its end
                return
            answer = self._answer
            documents = framing.feed(data)
            for name, document in documents:
                if not answer.has_output:
                    self._take(name, document)
                elif answer.is_plain(document):
                    self._text.note_plain(document)
                    if self._tries and len(documents) == 1:
                        self._learn(data, document)
                else:
                    self._take_or_keep(name, document)
        except Exception as error:  # whatever a server sends, the application's own reading goes on
            self._stumble(error)

    def pass_over(self, text_bytes: int) -> None:
        """Take note of chunks with the `likeness` that were not fed, by the length of their texts."""
        self._text.note_passed(text_bytes)

    def finish(self, *, whole: bool = True, estimate: bool = False) -> Facts:
        """Return the facts; the first call decides, later ones return the same.

        Args:
            whole: Whether the body ended by itself; False when the application stopped reading.
            estimate: Whether the tokens of a stream that was cut are estimated where nobody counted them.
        """
        if self._facts is None:
            try:
                self._end(whole)
                self._answer.choices = self.request.choices
                self._facts = self._answer.finish()
                self._judge(self._facts)
                if estimate and self._facts.truncated and not self._answer.usage_is_final:
                    add_estimate(self._facts, self._text.in_bytes, self._body)
            except Exception as error:  # see feed
                self._stumble(error)
                self._facts = self._answer.facts
            self._facts.request = self.request
            self._body = None
        return self._facts

    def _begin(self, *, ended: bool = False) -> Framing | None:
        """Choose the framing, None while there is too little of the body to tell; any split gives the same."""
        if self._lead in _PARTS_OF_MARK and not ended:
            return None
        head = self._lead[:_LEAD_LIMIT_BYTES].lstrip(_JSON_SPACE)
        label = media_type(self._headers)
        if len(head) < head_bytes(label) and len(self._lead) < _LEAD_LIMIT_BYTES and not (ended and head):
            return None
        answer = self._answer
        if label in answer.text_types and self._status < 400 and not head.startswith(b"{"):
            self._framing = BinaryBody()
        else:
            self._framing = choose_framing(head or b" ", label, answer.framing)
        answer.has_output = isinstance(self._framing, BinaryBody)
        self._lead = b""
        return self._framing

    def _learn(self, chunk: bytes, document: bytes) -> None:
        """Note what a chunk that was one event, and plain, is like; chunks that cannot be told are not tried for ever."""
        self.likeness = likeness_of(chunk, document)
        self._tries = 0 if self.likeness is not None else self._tries - 1

    def _stumble(self, error: Exception) -> None:
        self.unparsed += 1
        self.fault = error

    def _end(self, whole: bool) -> None:
        lead, answer = self._lead, self._answer
        framing = self._framing or self._begin(ended=True)
        if answer.reads_headers:
            answer.see_headers(lower_cased(self._headers))
        if framing is None:
            return
        self._take_passing()
        unread = self.unparsed
        for name, document in framing.feed(lead) if lead else ():
            self._take(name, document)
        for name, document in self._rest(framing):
            self._take(name, document)
        answer.is_torn = self.unparsed > unread
        if isinstance(framing, WholeBody):
            if framing.tail:
                self._take_tail(framing.tail)
        else:
            answer.complete = whole if isinstance(framing, BinaryBody) else answer.complete
            whole = False
        if not whole:
            self.unparsed = unread  # the end of what was cut is not what the server garbled
        answer.facts.streaming = self._streamed()
        self._unreadable = self.unparsed > unread
        self.unparsed += framing.unparsed

    def _rest(self, framing: Framing) -> Sequence[Document]:
        """Return what the end of the body leaves; JSON lines that were labelled as one document are cut after all."""
        documents = framing.finish()
        if self._answer.framing is not JsonLines or not isinstance(framing, WholeBody) or not documents:
            return documents
        first, _, more = documents[0][1].strip().partition(b"\n")
        if not more or not _is_json(first):
            return documents
        self._framing = lines = JsonLines()
        return (*lines.feed(documents[0][1]), *lines.finish())

    def _take_tail(self, tail: bytes) -> None:
        answer = self._answer
        if found := salvage(tail, answer.usage_name):
            answer.add(found)
            answer.usage_is_final = True
        answer.complete = tail.rstrip().endswith((b"}", b"]"))

    def _may_be_large(self) -> bool:
        return not isinstance(self._framing, WholeBody) or self._framing.held_bytes > _RAW_USAGE_LIMIT_BYTES

    def _streamed(self) -> bool:
        framing = self._framing
        if framing is None or isinstance(framing, WholeBody):
            return False
        if isinstance(framing, JsonLines) and (self._body is not None or self._request is not None):
            return self.request.streaming  # a single line may be a whole body
        return not isinstance(framing, BinaryBody)

    def _judge(self, facts: Facts) -> None:
        """Say how far the facts go, now that everything has been read."""
        answer = self._answer
        if self._status >= 400:
            self._note_status()
        elif not answer.complete and not facts.failed and self._unreadable:
            facts.error_type, facts.error_retryable = "unparseable", False
        facts.truncated = not answer.complete and not facts.failed
        if not answer.complete and facts.usage is not None and not answer.usage_is_final:
            facts.partial = True
        if self._may_be_large() and facts.raw_usage is not None and _is_too_large(facts.raw_usage):
            facts.raw_usage = None
        if self.endpoint.region is not None:
            facts.price_context = {**(facts.price_context or {}), "region": self.endpoint.region}

    def _note_refusal(self, decoded: Mapping[str, Any]) -> None:
        """Keep the word of an error whose body has no `error`: AWS puts it into a header, others have none."""
        facts = self._answer.facts
        if self._answer.note_failure(decoded, self._status) or facts.error_type is not None:
            return
        if word := lower_cased(self._headers).get("x-amzn-errortype"):
            facts.error_type = word.partition(":")[0]
        else:
            facts.error_type = bare_word(decoded)

    def _note_status(self) -> None:
        facts = self._answer.facts
        word = facts.error_type or f"http_{self._status}"
        facts.error_type, facts.error_status, facts.error_retryable = failure_of(word, self._status)

    def _take_or_keep(self, name: bytes, document: bytes) -> None:
        """Take a document, or keep one that the next may replace: running totals are decoded once."""
        if self._answer.is_passing(document):
            self._passing = (name, document)
        else:
            self._take_passing()
            self._take(name, document)

    def _take_passing(self) -> None:
        if self._passing is not None:
            passing, self._passing = self._passing, None
            self._take(*passing)

    def _take(self, name: bytes, document: bytes) -> None:
        if document.startswith(_DONE):
            self._answer.complete = True
            return
        self._answer.event = name.decode("utf-8", "replace") if name else ""
        try:
            decoded = self._decode(document)
            self._answer.add(decoded)
        except UNREADABLE:
            self.unparsed += 1
            return
        if self._status >= 400:
            self._note_refusal(decoded)
        if isinstance(self._framing, WholeBody):
            self._answer.complete = True
        else:
            self._text.note_json(document)

    def _shaped(self, document: bytes) -> Any:
        shape = self._answer.shape
        try:
            return _decoder(shape).decode(document)
        except msgspec.ValidationError:
            if not issubclass(shape, msgspec.Struct):
                raise
            return shaped(_decoder(dict[str, Any]).decode(document), shape)

    def _decode(self, document: bytes) -> Any:
        if self._status < 400:
            return self._shaped(document)
        refusal = _decoder(dict[str, Any] | list[dict[str, Any]]).decode(document)
        if isinstance(refusal, list):  # Google's compatible endpoint puts its refusal into a list
            return refusal[0] if refusal else {}
        return refusal


def read_response(
    endpoint: Endpoint,
    request: bytes | Mapping[str, Any] | None,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> Facts:
    """Return the facts of a recorded interaction, whole or streamed."""
    reading = Reading(endpoint, request)
    reading.respond(status, headers)
    reading.feed(body)
    return reading.finish()


def read_request(endpoint: Endpoint, body: bytes | Mapping[str, Any] | None) -> RequestFacts:
    """Return what a request body tells; a body that is no JSON tells nothing but what the URL does."""
    answer = FORMATS[endpoint.wire_format].answer
    if body is None:
        return RequestFacts(model=endpoint.model, streaming="stream" in endpoint.wire_format)
    try:
        decoded = _decode_request(answer, body)
        facts = answer.read_request(decoded)
    except Exception:  # a request is the application's own business
        facts = RequestFacts()
    facts.model = facts.model or endpoint.model
    facts.streaming = facts.streaming or "stream" in endpoint.wire_format
    return facts


def _decode_request(answer: type[Answer], body: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(body, bytes):
        return body
    if body.startswith(b"--"):
        return {match[1].decode(): match[2].decode() for match in _FORM_FIELD.finditer(body)}
    if len(body) > _REQUEST_LIMIT_BYTES:
        return _short_fields(body)
    try:
        decoded: Mapping[str, Any] = _decoder(answer.request_shape).decode(body)
    except msgspec.ValidationError:
        decoded = _decoder(dict[str, Any]).decode(body)
    return decoded


def _short_fields(body: bytes) -> dict[str, Any]:
    """Return the fields of interest near the ends of a request; escaped quotes keep what users wrote apart."""
    fields: dict[str, Any] = {}
    for end in (body[-_SHORT_FIELD_REACH_BYTES:], body[:_SHORT_FIELD_REACH_BYTES]):
        for match in reversed(list(_SHORT_FIELD.finditer(end))):
            if match[3]:
                fields["stream"] = True
            else:
                fields[match[1].decode()] = match[2].decode("utf-8", "replace")
    return fields


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except UNREADABLE:
        return False
    return True


def _is_too_large(raw_usage: dict[str, Any]) -> bool:
    return len(msgspec.json.encode(raw_usage)) > _RAW_USAGE_LIMIT_BYTES
