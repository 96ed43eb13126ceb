"""Environment: how `taximeter run` tells the processes below it what to do."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

BOOTSTRAP_FOLDER = Path(__file__).with_name("bootstrap")

_VARIABLE = "TAXIMETER_RUN"


class RunLimit(msgspec.Struct, frozen=True):
    """What all processes of a run may spend together: the table of a budget, and the file that they share for it."""

    budget: dict[str, Any]
    file: str


class RunEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """What every process of a run must know; it travels in one environment variable."""

    sinks: tuple[str, ...]
    run_id: str
    folder: str
    service: str | None = None
    invisible_usage: bool = True
    options: dict[str, Any] = {}
    """Further arguments of `taximeter.start`."""
    limit: RunLimit | None = None

    def added_to(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return *environment* with this in it and the bootstrap folder at the head of PYTHONPATH."""
        path = [str(BOOTSTRAP_FOLDER), *filter(None, [environment.get("PYTHONPATH")])]
        return {
            **environment,
            "PYTHONPATH": os.pathsep.join(path),
            _VARIABLE: msgspec.json.encode(self).decode(),
        }

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read it back.

        Raises:
            KeyError: The process does not belong to a run.
            msgspec.DecodeError: Another version of taximeter started the run.
        """
        return msgspec.json.decode(environment[_VARIABLE], type=cls)
