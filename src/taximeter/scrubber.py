"""Scrubber: takes what looks like a secret out of an event's texts before the event leaves memory."""

import re
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter, is_
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.event import EVENT_TYPES, Event, TaskCompletionEvent

REDACTED = "[redacted]"

_ALLOWED = "True, False, or a sequence of regular expressions for secrets of your own"
_MOST_KNOWN = 8192
_LONGEST_KNOWN = 256
_MAX_DEPTH = 32
_NUMBERS = {int, float, bool, type(None)}

# Every secret that is told by its shape has one of these in it, as a rule near its beginning. They are plain words so that
# the search skips from first letter to first letter, and none begins as hexadecimal digits do, of which ids are made.
_HINT = re.compile(
    r"sk-|sk_|rk_|yJ|KIA|SIA|SK|Iza|Q\.|ya29|xai-|pplx-|vapi-|lpat-|hf_|r8_|w_|tgp_|ghp_|gho_|ghs_|ghu_|ghr_"
    r"|github_pat|xox|npm_|pypi-|lsv2_|tvly-|jina_|secret_|SG\.|whsec_|pi|rock-api-key|PRIVATE|rer|RER|sic |SIC |="
    "|:"
)
_PREFIXES = r"nvapi-|glpat-|tgp_v1_|github_pat_|xox[a-z]-|pypi-|lsv2_|tvly-|jina_|esecret_|SG\.|whsec_"
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"  # of a word, also after a line's end as it stands in JSON
_SHAPES = (
    # The makers of keys of this shape: OpenAI, Anthropic, DeepSeek, OpenRouter, Groq, Cerebras, Stripe, Langfuse
    _START + r"(?:[cg]?sk[-_]|rk_(?:live|test)_)[A-Za-z0-9_-]{10,}",
    # xAI, Perplexity, Hugging Face, Replicate, Fireworks, GitHub, npm, Databricks: one run, unlike names of models
    _START + r"(?:(?:xai-|pplx-|hf_|r8_|fw_|gh[opsur]_|npm_)[A-Za-z0-9]{16,}|dapi[0-9a-f]{32})",
    _START + rf"(?:{_PREFIXES})[A-Za-z0-9_.-]{{16,}}",
    # Google: API keys, newer API keys, OAuth access tokens
    _START + r"(?:AIza|AQ\.|ya29\.)[A-Za-z0-9_-]{16,}",
    # AWS: access key ids, Bedrock API keys
    _START + r"(?:A[KS]IA[A-Z0-9]{12,}|(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/=]{16,})",
    # JSON Web Tokens
    r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
    # user:password@ in a URL
    r"(?<=://)[^\s/?#\"'<>]+(?=@)",
    r"(?<=(?i:bearer) )\s{0,8}[A-Za-z0-9._~+/=-]{8,}",
    r"(?<=(?i:basic) )\s{0,8}(?=[a-z+/]*[A-Z0-9=])[A-Za-z0-9+/]{8,}={0,2}",
)
_NAMES = (
    r"(?:api|access|secret|private|subscription|account)[-_ ]?(?:access[-_ ]?)?key|client[-_ ]?secret|secret"
    r"|(?:api|access|auth|refresh|id|session|security)[-_ ]?token|passwo?r?d|passphrase|credentials?"
    r"|(?:proxy-)?authorization|x-(?:amz|goog)-signature"
)
_NAMED = (
    # Quotes as they are, and as they stand in JSON within JSON
    rf"(?i:(?:{_NAMES})\\{{0,3}}[\"']?\s{{0,4}}[=:]|(?<![A-Za-z0-9])(?:key|token|sig|pwd|auth)=)\s{{0,4}}\\{{0,3}}[\"']?"
    r"(?:(?i:bearer|basic|token)\s{1,4})?(?P<value>[^\s&\"',;}<>]{4,})"
)
_SECRET = re.compile("|".join(f"(?:{shape})" for shape in (_NAMED, *_SHAPES)), re.DOTALL)
_SECRET_NAME = re.compile(rf"(?:{_NAMES}|(?<![A-Za-z0-9])token)\Z", re.IGNORECASE)


class Scrubber:
    """Puts `[redacted]` in the place of secrets, wherever a field of an event can hold text.

    Texts that were found clean are remembered, a few thousand of them, because most of an event's texts are those of the
    event before.

    Args:
        more: Regular expressions for secrets that are not known here; a group named `value` is what is taken out, where
            there is one.

    Raises:
        ConfigurationError: One is no regular expression.
    """

    def __init__(self, more: Sequence[str] = ()) -> None:
        self._more = [_compiled(pattern) for pattern in more]
        self._known: set[object] = {None, ()}
        self._last: tuple[object, ...] = ()

    def text(self, text: str) -> str:
        """Return a text without the secrets in it."""
        if _HINT.search(text):
            text = _SECRET.sub(_redacted, text)
        for pattern in self._more:
            text = pattern.sub(_redacted, text)
        return text

    def event(self, event: Event) -> Event:
        """Return the event without secrets: the same object where there are none.

        Raises:
            Exception: Anything that a field which holds what it may not raises when it is looked at.
        """
        if type(event) is TaskCompletionEvent and self._is_known(event):
            return event
        clean: Event = self._struct(event, _MAX_DEPTH)
        return clean

    def _is_known(self, event: TaskCompletionEvent) -> bool:
        """Whether all its texts are known to be clean, but for the ids, which are looked through each time."""
        texts = _repeated(event)
        if texts != self._last:  # most are the very objects of the event before, which is told faster
            if not (self._known.issuperset(texts) or all(map(self._is_clean, texts))):
                return False
            self._last = texts
        ids = _ids(event)
        return (
            (not (self._more or _HINT.search(_ID_LINE % ids)) or all(map(self._is_clean, ids)))
            and (event.raw_usage is None or self._knows(event.raw_usage))
            and (event.tags is None or self._knows(event.tags))
            and (event.price_context is None or self._knows(event.price_context))
            and (event.billable_units is None or self._known.issuperset(event.billable_units))
        )

    def _is_clean(self, value: object) -> bool:
        """Whether a text, a number or a tuple of texts has no secret; it is remembered then."""
        if value in self._known:
            return True
        if isinstance(value, str):
            return self._remembered(value) is value
        if not _is_small(value) or (isinstance(value, tuple) and not all(map(self._is_clean, value))):
            return False
        self._remember(value)
        return True

    def _knows(self, mapping: Mapping[str, Any]) -> bool:
        """Whether all keys are known, and all values numbers, or known, or mappings of that kind, or lists of those."""
        known = self._known
        if not known.issuperset(mapping):
            return False
        for value in mapping.values():
            kind = value.__class__
            if kind in _NUMBERS:
                continue
            if kind is dict:
                is_known = self._knows(value)
            elif kind is list:
                is_known = all(item.__class__ is dict and self._knows(item) for item in value)
            else:
                is_known = kind is str and value in known
            if not is_known:
                return False
        return True

    def _clean(self, value: Any, depth: int) -> Any:
        """Return any value of a field without secrets; the same object where there are none."""
        if isinstance(value, str):
            return self._remembered(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if not depth:
            return REDACTED
        if isinstance(value, Mapping):
            return self._mapping(value, depth - 1)
        if isinstance(value, list | tuple | set | frozenset):
            items = [self._clean(item, depth - 1) for item in value]
            return value if all(map(is_, items, value)) else type(value)(items)
        return self._struct(value, depth - 1) if isinstance(value, msgspec.Struct) else value

    def _remembered(self, text: str) -> str:
        if text in self._known:
            return text
        clean = self.text(text)
        if clean != text:
            return clean
        if len(text) <= _LONGEST_KNOWN and not _SECRET_NAME.search(text):
            self._remember(text)
        return text

    def _remember(self, value: object) -> None:
        if len(self._known) >= _MOST_KNOWN:
            self._known = {None, ()}
        self._known.add(value)

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> Mapping[Any, Any]:
        cleaned = {self._clean(key, depth): self._named(key, value, depth) for key, value in mapping.items()}
        is_same = len(cleaned) == len(mapping) and all(map(is_, cleaned.values(), mapping.values()))
        return mapping if is_same and all(map(is_, cleaned, mapping)) else cleaned

    def _named(self, name: object, value: object, depth: int) -> Any:
        is_secret = isinstance(name, str) and isinstance(value, str) and _SECRET_NAME.search(name)
        return REDACTED if is_secret else self._clean(value, depth)

    def _struct(self, struct: Any, depth: int) -> Any:
        changed = {}
        for name in _TEXT_FIELDS.get(type(struct), struct.__struct_fields__):
            value = getattr(struct, name)
            clean = self._clean(value, depth)
            if clean is not value:
                changed[name] = clean
        return msgspec.structs.replace(struct, **changed) if changed else struct


def scrubber_for(scrub: object) -> Scrubber | None:
    """Return the scrubber that the option `scrub` means.

    Args:
        scrub: True for what is known here, False for none, regular expressions for those on top.

    Raises:
        ConfigurationError: It is none of these.
    """
    if isinstance(scrub, bool):
        return Scrubber() if scrub else None
    if isinstance(scrub, str | bytes) or not isinstance(scrub, Sequence):
        raise ConfigurationError("scrub", scrub, _ALLOWED)
    return Scrubber(scrub)


def _compiled(pattern: object) -> re.Pattern[str]:
    try:
        if isinstance(pattern, str):
            return re.compile(pattern)
    except re.error:
        pass
    raise ConfigurationError("scrub", pattern, _ALLOWED)


def _redacted(match: re.Match[str]) -> str:
    """Keep what stands before a value that is told by its name, such as `api_key=`."""
    value = match["value"] if "value" in match.re.groupindex else None
    return REDACTED if value is None else match[0].removesuffix(value) + REDACTED


def _is_small(value: object) -> bool:
    """Whether it is a number, or a tuple that takes little memory to remember."""
    if isinstance(value, tuple):
        return sum(map(len, value)) <= _LONGEST_KNOWN
    return isinstance(value, int)


def _members(kind: Any) -> Iterator[Any]:
    yield from get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _may_hold_text(kind: Any) -> bool:
    return not set(_members(kind)) <= _NUMBERS


def _text_fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(kind) if _may_hold_text(field.type))


_TEXT_FIELDS: dict[type, tuple[str, ...]] = {kind: _text_fields(kind) for kind in EVENT_TYPES}
_IDS = (
    "event_id",
    "trace_id",
    "span_id",
    "parent_span_id",
    "run_id",
    "call_id",
    "provider_response_id",
    "session",
)
_LOOKED_AT_APART = {*_IDS, "raw_usage", "tags", "price_context", "billable_units"}
_ids = attrgetter(*_IDS)
"""The texts that few other events have."""
_ID_LINE = " ".join(["%s"] * len(_IDS))
_repeated = attrgetter(*(name for name in _TEXT_FIELDS[TaskCompletionEvent] if name not in _LOOKED_AT_APART))
"""The texts of an event that are, as a rule, those of the event before."""
