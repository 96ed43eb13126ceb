"""Tokenizer: counts the tokens of requests with tiktoken, by the vocabularies that are on disk."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from taximeter.errors import MissingExtraError
from taximeter.forecast.kind import model_stem
from taximeter.providers.request_size import model_of, request_tokens

_SOURCE = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
"""Where tiktoken has the vocabularies of OpenAI's models from; the address's SHA-1 is the name of its file on disk."""

_SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
"""Of the vocabularies (tiktoken 0.14, `openai_public.py`): it fetches a damaged one again, asked to or not."""


class Encoding(Protocol):
    """What makes tokens of a text, such as tiktoken's `Encoding`."""

    def encode_ordinary(self, text: str, /) -> list[int]:
        """Return the tokens of a text, special ones taken for plain text."""


class Tokenizer:
    """Counts the tokens of requests to OpenAI's models, for `Forecast(count_tokens=...)`; None for any others.

    What texts come to is exact; messages, tools and pictures are added by the rules of `request_tokens`. Nothing is ever
    fetched while a request is counted. Each vocabulary takes about half a second to load, at construction.

    Args:
        download: Whether vocabularies that are not on disk are fetched from the network now; tiktoken keeps them in
            TIKTOKEN_CACHE_DIR, or in a temporary folder. Otherwise models that need them are not counted.
        encodings: Vocabularies by tiktoken's names, in the place of those on disk; None looks there.

    Raises:
        MissingExtraError: tiktoken is not installed.
        OSError: A vocabulary could not be fetched.
    """

    def __init__(self, *, download: bool = False, encodings: Mapping[str, Encoding] | None = None) -> None:
        try:
            from tiktoken.model import encoding_name_for_model  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtraError("Tokenizer", "tokens") from error
        self._name_for = encoding_name_for_model
        self._encodings = dict(_load(download=download)) if encodings is None else dict(encodings)

    @property
    def vocabularies(self) -> tuple[str, ...]:
        """Those at hand."""
        return tuple(self._encodings)

    def __call__(self, model: str | None, request: bytes | Mapping[str, Any]) -> int | None:
        """Return the tokens of a request; None where the model's vocabulary is not at hand, or there is no prompt.

        Args:
            model: The model; None takes the request's.
            request: The body, as JSON or decoded.
        """
        name = model or model_of(request)
        encoding = None if name is None else self._encoding_of(name)
        if encoding is None:
            return None
        return request_tokens(request, name, lambda text: len(encoding.encode_ordinary(text)))

    def _encoding_of(self, model: str) -> Encoding | None:
        try:
            return self._encodings.get(self._name_for(model_stem(model)))
        except KeyError:  # a model that tiktoken has never heard of
            return None


def _load(*, download: bool) -> Iterator[tuple[str, Encoding]]:
    import tiktoken  # noqa: PLC0415 - an extra

    for name in _SHA256:
        if download or _is_on_disk(name):
            yield name, tiktoken.get_encoding(name)


def _is_on_disk(name: str) -> bool:
    """Whether tiktoken keeps, whole, what it once fetched: under the address's SHA-1, in the folder it looks into."""
    named = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    folder = Path(named or Path(tempfile.gettempdir()) / "data-gym-cache")
    file = folder / hashlib.sha1(_SOURCE.format(name).encode(), usedforsecurity=False).hexdigest()
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == _SHA256[name]
