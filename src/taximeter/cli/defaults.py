"""Defaults: what commands take from file and environment where their arguments do not say it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

_ARGUMENTS = {"store": "store", "tz": "tz"}
"""Settings, and the names of the arguments that they stand in for, in every command that has one."""
_PRUNING = ("prune",)
"""Commands whose `--keep` and `--keep-content` are the retention of the settings."""
_CARRYING = ("drain", "retry")
"""Commands whose `--to` means the sinks of the service."""
_WITHOUT = ("run", "config")
"""Commands that read the settings by themselves."""
_READABLE = frozenset({".db", ".sqlite", ".sqlite3", ".ndjson", ".jsonl"})
_HARMLESS = {"--help", "-h", "--version"}


def defaults_for(commands: dict[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """Return the defaults of commands and groups of them, by command and argument, as Click takes them.

    Args:
        commands: By name; a group has `commands` of its own.
        arguments: What was typed: help is given whatever the file says.

    Raises:
        ConfigurationError: A setting that cannot be.
    """
    if not arguments or arguments[0] in _WITHOUT or _HARMLESS & set(arguments):
        return {}
    from taximeter.settings import Settings  # noqa: PLC0415 - help is quick without it

    return _by_command(commands, Settings.load().stated())


def _by_command(commands: dict[str, Any], stated: dict[str, Any]) -> dict[str, Any]:
    values = {argument: stated[name] for name, argument in _ARGUMENTS.items() if name in stated}
    if "store" not in values and (written := _first_file(stated.get("sinks", ()))):
        values["store"] = written
    found: dict[str, Any] = {}
    for name, command in commands.items():
        below = getattr(command, "commands", None)
        found[name] = values if below is None else _by_command(below, stated)
        if name in _CARRYING and "sinks" in stated:
            found[name] = {**values, "to": stated["sinks"]}
        if name in _PRUNING:
            kept = {"keep": stated.get("retention"), "keep_content": stated.get("content_retention")}
            found[name] = {**values, **{option: age for option, age in kept.items() if age is not None}}
    return found


def _first_file(sinks: Sequence[str]) -> str | None:
    """Return the first sink that is a file which commands can read: who writes there wants to ask there."""
    return next((sink for sink in sinks if "://" not in sink and Path(sink).suffix in _READABLE), None)
