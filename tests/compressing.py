"""A server that compresses what it was asked to send as it is."""

import gzip
from collections.abc import Iterable

from loopback import Handler, Trouble


class Compressing(Handler):
    """Compresses streams, whatever it was asked."""

    def send_stream(self, kind: str, parts: Iterable[bytes], trouble: Trouble | None = None) -> None:
        """Send all parts at once."""
        body = gzip.compress(b"".join(parts))
        self.send_response(200)
        for name, value in (("type", kind), ("encoding", "gzip"), ("length", str(len(body)))):
            self.send_header(f"content-{name}", value)
        self.end_headers()
        self.wfile.write(body)
