"""Kinds of values: what a file may hold, and how the same is written in the environment."""

import json
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from math import isfinite
from typing import Any

import msgspec

_AGE = re.compile(r"(\d{1,6})([mhdw])")
_AGE_S = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SWITCH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_JSON_STARTS = ("[", "{")


class Where(StrEnum):
    """What in a value is taken from the folder of the file that it stands in."""

    NOTHING = ""
    PATH = "path"
    SINK = "sink"


class Kind(msgspec.Struct, frozen=True, eq=False):
    """One kind of value.

    `read` makes a value of what a file holds, `parse` makes that of a text of the environment; both raise ValueError
    or TypeError for what is none.
    """

    word: str
    """What the reference calls it."""
    allowed: str
    """What an error says instead."""
    read: Callable[[Any], Any]
    parse: Callable[[str], Any]
    where: Where = Where.NOTHING
    words: tuple[str, ...] = ()
    """The words that are allowed, where there are a few."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise TypeError
    return value


def _texts(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values:
        raise TypeError
    return [_text(each) for each in values]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TypeError
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise TypeError
    return value


def _table(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError
    return {_text(key): _text(item) for key, item in value.items()}


def _scrub(value: Any) -> bool | list[str]:
    return value if isinstance(value, bool) else _texts(value)


def _age(value: Any) -> str:
    seconds_of(_text(value))
    return str(value)


def seconds_of(age: str) -> int:
    """Return how many seconds an age such as `90d` is.

    Raises:
        ValueError: It is none.
    """
    found = _AGE.fullmatch(age)
    if found is None or not int(found[1]):
        raise ValueError(age)
    return int(found[1]) * _AGE_S[found[2]]


def _parse_flag(text: str) -> bool:
    try:
        return _SWITCH[text.strip().lower()]
    except KeyError as error:
        raise ValueError(text) from error


def _parse_texts(text: str) -> Any:
    return json.loads(text) if text.startswith(_JSON_STARTS) else [part.strip() for part in text.split(",")]


def _parse_table(text: str) -> Any:
    if text.startswith(_JSON_STARTS):
        return json.loads(text)
    return {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in text.split(","))}


def _parse_scrub(text: str) -> Any:
    if text.strip().lower() in _SWITCH:
        return _parse_flag(text)
    return json.loads(text) if text.startswith(_JSON_STARTS) else [text]  # commas are part of a pattern


def one_word(words: Iterable[str]) -> Kind:
    """Return the kind of a word out of a few."""
    known = tuple(map(str, words))

    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(value)
        return str(value)

    listed = ", ".join(known)
    return Kind(" or ".join(f"`{word}`" for word in known), f"one of {listed}", read, str, words=known)


TEXT = Kind("text", "a text that is not empty", _text, str)
FLAG = Kind("`true` or `false`", "true or false", _flag, _parse_flag)
COUNT = Kind("whole number", "a whole number of at least 1", _count, int)
SECONDS = Kind("seconds", "a number of seconds, 0 or more", _seconds, float)
AGE = Kind("age", "an age: a number and m, h, d or w, such as 90d", _age, str)
TABLE = Kind("table", "a table of texts; in the environment name=value,name=value", _table, _parse_table)
SCRUB = Kind("`true`, `false` or texts", "true, false or regular expressions", _scrub, _parse_scrub)
PATH = Kind("path", "a path", _text, str, Where.PATH)
PATHS = Kind("paths", "a path or a list of them", _texts, _parse_texts, Where.PATH)
SINKS = Kind(
    "paths and addresses", "a path or an address, or a list of them", _texts, _parse_texts, Where.SINK
)
