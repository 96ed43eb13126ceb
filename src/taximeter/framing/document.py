"""Document: one unit that a framing cuts out of a body, as bytes, before anyone decodes it."""

from collections.abc import Sequence
from typing import Protocol

Document = tuple[bytes, bytes]
"""The name of the event, empty where the framing has none, and its payload."""

DOCUMENT_LIMIT_BYTES = 8 * 1024 * 1024
"""The longest document of a stream that is kept; base64 images in a stream stay far below."""

BODY_LIMIT_BYTES = 16 * 1024 * 1024
"""The longest whole body that is kept; only large batches of vectors and pictures are longer."""

TAIL_BYTES = 64 * 1024
"""What is kept of the end of a longer body, where usage stands."""


class Framing(Protocol):
    """Cuts a body into documents while it arrives; memory is bounded by the limit given at construction."""

    unparsed: int
    """How many documents were too long or damaged, and so were passed over."""

    def feed(self, data: bytes, /) -> Sequence[Document]:
        """Take the next bytes and return the documents that they complete."""
        ...

    def finish(self) -> Sequence[Document]:
        """Return what is left when the body has ended."""
        ...
