"""The commands that look after a store, their arguments and their help. Each loads what it needs when it runs."""
# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import Annotated

import typer

from taximeter.cli.options import DEFAULT_STORE, Json, Zone

SqliteFile = Annotated[Path, typer.Argument(metavar="[STORE]", help="A store (SQLite).")]

commands = typer.Typer(
    no_args_is_help=True, help="Check a store, give space back, take old calls out, work sums out anew."
)


def add_store_commands(app: typer.Typer) -> None:
    """Put `taximeter store` into the command line."""
    app.add_typer(commands, name="store")


@commands.command("check")
def _check(store: SqliteFile = DEFAULT_STORE, *, as_json: Json = False) -> None:
    """Read all of a store and say what is wrong: the file, its sums against its calls. Exits with 1 when anything is."""
    from taximeter.cli.store import check

    raise typer.Exit(check(store, as_json=as_json))


@commands.command("vacuum")
def _vacuum(store: SqliteFile = DEFAULT_STORE) -> None:
    """Give the space of what was deleted back to the disk. Writers wait meanwhile."""
    from taximeter.cli.store import vacuum

    vacuum(store)


@commands.command("prune")
def _prune(
    store: SqliteFile = DEFAULT_STORE,
    *,
    keep: Annotated[
        str,
        typer.Option(metavar="TIME", help="How much stays: 90d (whole days, today being one), 36h, 12w ..."),
    ],
    keep_content: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The same of prompts and answers, where it is less."),
    ] = None,
    tz: Zone = "UTC",
    keep_sums: Annotated[
        bool,
        typer.Option("--keep-sums/--drop-sums", help="What old calls cost stays in the totals, or goes."),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say what would be taken out.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take old calls out, in small steps beside a running service."""
    from taximeter.cli.store import prune

    prune(
        store,
        keep,
        keep_content=keep_content,
        tz=tz,
        keep_sums=keep_sums,
        dry_run=dry_run,
        as_json=as_json,
    )


@commands.command("rebuild")
def _rebuild(
    store: SqliteFile = DEFAULT_STORE,
    *,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Make a new store of these instead: files of events (NDJSON, gzip or not), folders of journals.",
        ),
    ] = None,
) -> None:
    """Work out the sums of a store anew from its calls, with indexes and views; or make a new store. Writers wait."""
    from taximeter.cli.store import rebuild

    rebuild(store, sources or [])
