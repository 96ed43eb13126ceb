"""Given path: an option that names a file or a folder, before anything is looked up."""

import os
from pathlib import Path
from typing import Any

from taximeter.errors import ConfigurationError


def path_from(key: str, given: Any, allowed: str) -> Path:
    """Return the path that an option names. An empty one, as of a variable that is not set, is none.

    Raises:
        ConfigurationError: It is no path.
    """
    text = given.__fspath__() if isinstance(given, os.PathLike) else given
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigurationError(key, given, allowed)
    return Path(text)
