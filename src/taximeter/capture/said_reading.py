"""Said reading: gathers the texts of a call while its bytes pass, where somebody keeps them; bounded, never raising."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from taximeter.framing import Document, Framing, WholeBody, choose_framing
from taximeter.privacy import SLACK
from taximeter.providers import Endpoint
from taximeter.providers.directory import FORMATS
from taximeter.providers.estimate import repeats
from taximeter.providers.headers import media_type
from taximeter.said import Said, prompt_of, texts_of


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
        self._limit = limit + SLACK
        self._label = ""
        self._framing: Framing | None = None
        self._lead = b""
        self._parts: list[str] = []
        self._kept = 0
        self._characters = 0
        self._last = ""
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
                data = self._lead = (self._lead + data).removeprefix(b"\xef\xbb\xbf").lstrip()
                if not data:
                    return
                self._framing = choose_framing(data, self._label, self._usual)
                self._lead = b""
            self._take(self._framing.feed(data))
        except Exception:  # what cannot be read here may be counted all the same
            self._is_broken = True

    def finish(self) -> Said:
        """Return what was said."""
        prompt = None
        try:
            prompt = prompt_of(self._body)
            if self._framing is not None and not self._is_broken:
                self._take(self._framing.finish())
        except Exception:
            self._is_broken = True
        return Said(prompt, "".join(self._parts) or None, self._characters or None)

    def _take(self, documents: Sequence[Document]) -> None:
        for _, document in documents:
            try:
                decoded = msgspec.json.decode(document)
            except (
                msgspec.DecodeError,
                UnicodeDecodeError,
                RecursionError,
            ):  # an end mark, a ping, a torn end
                continue
            self._add(_unwrapped(decoded))

    def _add(self, document: Any) -> None:
        if repeats(document) and not self._is_whole:
            return
        kind = document.get("type") if isinstance(document, dict) else None
        for name, text in texts_of(document):
            part = text
            key = f"{kind} {name}"
            if self._characters and (self._is_whole or key != self._last):
                part = f"\n{text}"
            self._last = key
            self._characters += len(part)
            if self._kept < self._limit:
                self._parts.append(part[: self._limit - self._kept])
                self._kept += len(self._parts[-1])

    @property
    def _is_whole(self) -> bool:
        return isinstance(self._framing, WholeBody)


def _unwrapped(document: Any) -> Any:
    """Return what stands in an event of Bedrock's invocations, which is base64 of another document."""
    encoded = document.get("bytes") if isinstance(document, dict) else None
    return msgspec.json.decode(b64decode(encoded)) if isinstance(encoded, str) else document
