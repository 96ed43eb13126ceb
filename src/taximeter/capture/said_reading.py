"""Said reading: gathers the texts of a call while its bytes pass, where somebody keeps them; bounded, never raising."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from taximeter.framing import Document, Framing, WholeBody, choose_framing, head_bytes
from taximeter.providers import Endpoint
from taximeter.providers.answer import UNREADABLE
from taximeter.providers.directory import FORMATS
from taximeter.providers.headers import media_type
from taximeter.said import AnswerText, Said, prompt_of


class SaidReading:
    """Reads the same bytes as `Reading`, for what they say instead of what they count.

    Args:
        endpoint: What answers.
        body: The request's body; None when it is not in memory.
        limit: How many characters of a text anybody keeps.
    """

    def __init__(self, endpoint: Endpoint, body: bytes | None, limit: int) -> None:
        self._usual = FORMATS[endpoint.wire_format].answer.framing
        self._body = body
        self._answer = AnswerText(limit)
        self._label = ""
        self._framing: Framing | None = None
        self._lead = b""
        self._is_broken = False

    def respond(self, headers: Mapping[str, str]) -> None:
        """Take the headers of the response."""
        self._label = media_type(headers)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body, decompressed."""
        if self._is_broken:
            return
        try:
            if self._framing is None:
                data = self._lead = self._lead + data
            if framing := self._framing or self._choose():
                self._take(framing.feed(data))
        except Exception:  # what cannot be read here may be counted all the same
            self._is_broken = True

    def finish(self) -> Said:
        """Return what was said."""
        prompt = None
        try:
            prompt = prompt_of(self._body)
            if self._framing is None and (framing := self._choose(ended=True)):
                self._take(framing.feed(self._lead))
            if self._framing is not None and not self._is_broken:
                self._take(self._framing.finish())
        except Exception:
            self._is_broken = True
        return Said(prompt, self._answer.text, self._answer.characters or None)

    def _choose(self, *, ended: bool = False) -> Framing | None:
        """Choose the framing, None while there is too little of the body to tell."""
        head = self._lead.removeprefix(b"\xef\xbb\xbf").lstrip()
        if head and (ended or len(head) >= head_bytes(self._label)):
            self._framing = choose_framing(head, self._label, self._usual)
        return self._framing

    def _take(self, documents: Sequence[Document]) -> None:
        is_whole = isinstance(self._framing, WholeBody)
        for _, document in documents:
            with suppress(*UNREADABLE):  # an end mark, a ping, a torn end
                self._answer.add(_unwrapped(msgspec.json.decode(document)), is_whole=is_whole)


def _unwrapped(document: Any) -> Any:
    """Return what stands in an event of Bedrock's invocations, which is base64 of another document."""
    encoded = document.get("bytes") if isinstance(document, dict) else None
    return msgspec.json.decode(b64decode(encoded)) if isinstance(encoded, str) else document
