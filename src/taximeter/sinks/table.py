"""The table from a path or address to the sink that serves it."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from taximeter.errors import ConfigurationError
from taximeter.sinks.protocol import Sink

ALLOWED = (
    "a path that ends in .db, .sqlite, .sqlite3, .ndjson or .jsonl,"
    " an address that begins with sqlite:///, ndjson:///, https://, http://, runs+https://, call-log:, memory: or log:,"
    " or an object with name, write(batch) and aclose()"
)

CREDENTIALS = re.compile(r"(?<![^\s/@])[^\s/@:]*:[^\s/@]*@")
"""A user and a password, also in an address that is misspelt."""


def _sqlite(path: str) -> Sink:
    from taximeter.sinks.sqlite import SqliteSink  # noqa: PLC0415 - sqlite3 loads when it is wanted

    return SqliteSink(_in_folder(path))


def _ndjson(path: str) -> Sink:
    from taximeter.sinks.ndjson import NdjsonSink  # noqa: PLC0415 - as does aiofiles

    return NdjsonSink(_in_folder(path))


def _runs(url: str) -> Sink:
    from taximeter.sinks.runs import RunsSink  # noqa: PLC0415 - as above

    return RunsSink(url)


def _call_log(path: str) -> Sink:
    from taximeter.sinks.call_log import CallLogSink  # noqa: PLC0415 - as above

    if not path:
        raise ConfigurationError("sink", "call-log:", "call-log: and the path of a file")
    return CallLogSink(_in_folder(path))


def _memory(rest: str) -> Sink:
    from taximeter.sinks.memory import MemorySink  # noqa: PLC0415 - each sink loads when it is wanted

    if rest:
        raise ConfigurationError("sink", f"memory:{rest}", "memory: with nothing after it")
    return MemorySink()


def _log(level: str) -> Sink:
    from taximeter.sinks.log import LogSink  # noqa: PLC0415 - as above

    return LogSink(level or "INFO")


def _http(url: str) -> Sink:
    from taximeter.sinks.http import HttpSink  # noqa: PLC0415 - httpx loads when it is wanted

    return HttpSink(url)


_BY_SCHEME: dict[str, Callable[[str], Sink]] = {
    "sqlite": lambda rest: _sqlite(_url_path("sqlite", rest)),
    "ndjson": lambda rest: _ndjson(_url_path("ndjson", rest)),
    "call-log": _call_log,
    "https": lambda rest: _http(f"https:{rest}"),
    "http": lambda rest: _http(f"http:{rest}"),
    "runs+https": lambda rest: _runs(f"https:{rest}"),
    "runs+http": lambda rest: _runs(f"http:{rest}"),
    "memory": _memory,
    "log": _log,
}
_BY_SUFFIX: dict[str, Callable[[str], Sink]] = {
    ".db": _sqlite,
    ".sqlite": _sqlite,
    ".sqlite3": _sqlite,
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
}


def sink_for(target: str | os.PathLike[str] | Sink) -> Sink:
    """Return the sink that a path or an address means; an object that is a sink is returned as it is.

    `sqlite:///usage.db` is a path from here and `sqlite:////var/usage.db` one from the root, as in SQLAlchemy.

    Raises:
        ConfigurationError: Nothing here serves the target; its password, if it has one, is not repeated.
    """
    if isinstance(target, str | os.PathLike):
        return _made(os.fspath(target), is_path=not isinstance(target, str))
    if isinstance(target, Sink):
        return target
    raise ConfigurationError("sink", target, ALLOWED)


def name_sinks(sinks: list[Sink]) -> dict[str, Sink]:
    """Give each sink a name of its own, `usage.db` and `usage.db#2`."""
    named: dict[str, Sink] = {}
    for sink in sinks:
        name, n = sink.name, 1
        while name in named:
            n += 1
            name = f"{sink.name}#{n}"
        named[name] = sink
    return named


def _made(target: str, *, is_path: bool) -> Sink:
    scheme, colon, rest = target.partition(":")
    if colon and not is_path and scheme.lower() in _BY_SCHEME:
        return _BY_SCHEME[scheme.lower()](rest)
    make = None if "://" in target and not is_path else _BY_SUFFIX.get(Path(target).suffix.lower())
    if make is None:
        raise ConfigurationError("sink", _without_credentials(target), ALLOWED)
    return make(target)


def _url_path(scheme: str, rest: str) -> str:
    if not rest.startswith("///") or len(rest) == len("///"):
        raise ConfigurationError("sink", f"{scheme}:{rest}", f"{scheme}:///path")
    return unquote(rest.removeprefix("///"))


def _in_folder(path: str) -> str:
    folder = Path(path).parent
    if Path(path).is_symlink():
        raise ConfigurationError("sink", path, "a file, and no link to one")
    if not folder.is_dir():
        raise ConfigurationError(
            "sink", path, f"a file in a folder that exists, and {str(folder)!r} does not"
        )
    return path


def _without_credentials(target: str) -> str:
    """Leave out what an address may hold before its @ and after its ?."""
    if "://" not in target:
        return CREDENTIALS.sub("", target)
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
