"""What the chunks of a stream have in common is learnt from one that is an event and holds one text."""

import pytest

from taximeter.providers.likeness import Likeness, likeness_of

CHAT = b'{"choices":[{"delta":{"content":" fare"},"finish_reason":null}],"usage":null}'
OBFUSCATED = CHAT[:-1] + b',"obfuscation":"x7"}'


def test_the_text_is_left_out() -> None:
    """What stands before and behind it is the likeness, the blank line included."""
    assert likeness_of(b"data: " + CHAT + b"\n\n", CHAT) == Likeness(
        b'data: {"choices":[{"delta":{"content":"', b"", b'"},"finish_reason":null}],"usage":null}\n\n'
    )


def test_noise_is_left_out_too() -> None:
    """OpenAI hides the length of the text behind random characters, which differ from chunk to chunk."""
    assert likeness_of(b"data: " + OBFUSCATED + b"\n\n", OBFUSCATED) == Likeness(
        b'data: {"choices":[{"delta":{"content":"',
        b'"},"finish_reason":null}],"usage":null,"obfuscation":"',
        b'"}\n\n',
    )


@pytest.mark.parametrize(
    "chunk",
    [
        b"data: " + CHAT,
        b"data: " + CHAT + b"\r\n\r\n",
        b"data: " + CHAT + b"\n\ndata: " + CHAT + b"\n\n",
        CHAT + b"\n\n",
        b'data: {"content":"a","text":"b"}\n\n',
        b'data: {"nothing":"a"}\n\n',
    ],
)
def test_what_is_not_one_event_with_one_text_teaches_nothing(chunk: bytes) -> None:
    """Half an event, two of them, and two texts are no measure for others."""
    document = chunk.partition(b"\n\n")[0].removeprefix(b"data: ").rstrip()
    assert likeness_of(chunk, document if chunk.count(b"data:") < 2 else CHAT + b"x") is None
