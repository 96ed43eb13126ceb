"""The commands about budgets, their arguments and their help. Each loads what it needs when it runs."""
# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import Annotated

import typer

from taximeter.cli.options import DEFAULT_STORE, Json

_SqliteFile = Annotated[Path, typer.Argument(metavar="[STORE]", help="A store (SQLite).")]
_Name = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="NAME", help="Only this budget; may be given several times."),
]

commands = typer.Typer(no_args_is_help=True, help="Show how budgets stand, and fail where one is used up.")


def add_budget_commands(app: typer.Typer) -> None:
    """Put `taximeter budget` into the command line."""
    app.add_typer(commands, name="budget")


@commands.command("show")
def _show(store: _SqliteFile = DEFAULT_STORE, *, name: _Name = None, as_json: Json = False) -> None:
    """Show limit, spent, reserved and left of each budget, when it resets and when it is used up at the present rate.

    Those of the configuration file, and those that programs have used with this store.
    """
    from taximeter.cli.budget import show

    show(store, name or [], as_json=as_json)


@commands.command("check")
def _check(
    store: _SqliteFile = DEFAULT_STORE,
    *,
    name: _Name = None,
    max_percent: Annotated[float, typer.Option(metavar="PERCENT", help="What counts as used up.")] = 100.0,
    as_json: Json = False,
) -> None:
    """Say which budgets are used up. Exits with 1 when any is."""
    from taximeter.cli.budget import check

    raise typer.Exit(check(store, name or [], max_percent=max_percent, as_json=as_json))
