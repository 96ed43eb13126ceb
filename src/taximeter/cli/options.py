"""Options and arguments that several commands have, declared once."""

from pathlib import Path
from typing import Annotated

import typer

By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        "-b",
        metavar="DIMENSION",
        help="model, provider, task_type, agent, user, session, service, run, operation, outcome, hour, day, week, "
        "month, tag:NAME and some more; may be given several times.",
    ),
]
Zone = Annotated[str, typer.Option(metavar="ZONE", help="The IANA time zone that days are cut in.")]
StoreFile = Annotated[
    Path, typer.Argument(help="A store (SQLite) or a file of events (NDJSON, gzip or not).")
]
Since = Annotated[
    str | None, typer.Option(metavar="WHEN", help="2026-11-01, 2026-11-01T12:30, 7d, 24h, today ...")
]
Until = Annotated[str | None, typer.Option(metavar="WHEN", help="The same; calls before this moment count.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        "-w",
        metavar="DIMENSION=VALUE",
        help="Only calls of this agent, model, tag:NAME ...; an empty value: those that do not say. "
        "May be given several times.",
    ),
]
Format = Annotated[
    str | None, typer.Option("--format", "-f", metavar="FORMAT", help="table, json, csv or markdown.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Sinks = Annotated[
    list[str] | None,
    typer.Option(
        "--to", metavar="SINK", help="Where events go: a path such as usage.db or events.ndjson, or a URL."
    ),
]
JournalFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the journal.")]
DEFAULT_STORE = Path("usage.db")
