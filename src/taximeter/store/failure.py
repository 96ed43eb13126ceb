"""What reading raises."""

from taximeter.errors import TaximeterError


class StoreError(TaximeterError):
    """A file that cannot be asked: missing, not of a kind known here, or broken. The message names the file."""
