"""Likeness: what the chunks of a stream have in common when they differ in their text alone."""

import re
from typing import NamedTuple

_TEXT = re.compile(rb'"(?:content|text|reasoning_content|thinking)":\s?"((?:[^"\\]|\\.)*)"')
# Random characters that hide the length of the text, on by default at OpenAI (2026-11, under stream_options in
# platform.openai.com/docs/api-reference/chat/create).
_NOISE = re.compile(rb'"obfuscation":\s?"([^"\\]*)"')
_STARTS = (b"data:", b"event:")
_BLANK = b"\n\n"


class Likeness(NamedTuple):
    """An event that holds nothing but text, without that.

    `head` stands before the text. `middle` lies between text and noise, empty where there is no noise. `tail` is what
    follows, with the blank line.
    """

    head: bytes
    middle: bytes
    tail: bytes


def likeness_of(chunk: bytes, document: bytes) -> Likeness | None:
    """Return what chunks like this one have in common, None where it is not exactly one event with one text.

    Args:
        chunk: What has arrived.
        document: The event in it, of which the wire format says that it holds nothing but text.
    """
    if not chunk.startswith(_STARTS) or not chunk.endswith(document + _BLANK):
        return None
    text = _TEXT.search(chunk)
    if text is None or _TEXT.search(chunk, text.end()) is not None:
        return None
    noise = _NOISE.search(chunk, text.end())
    if noise is None:
        return Likeness(chunk[: text.start(1)], b"", chunk[text.end(1) :])
    return Likeness(chunk[: text.start(1)], chunk[text.end(1) : noise.start(1)], chunk[noise.end(1) :])
