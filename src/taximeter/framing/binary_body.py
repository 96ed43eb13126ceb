"""Binary body: audio, images and other bytes that hold no documents."""

from collections.abc import Sequence

from taximeter.framing.document import Document


class BinaryBody:
    """Lets the bytes pass and keeps none."""

    __slots__ = ("unparsed",)

    def __init__(self) -> None:
        self.unparsed = 0

    def feed(self, _data: bytes, /) -> Sequence[Document]:
        """Return nothing."""
        return ()

    def finish(self) -> Sequence[Document]:
        """Return nothing."""
        return ()
