"""The commands, their arguments and their help. Each loads what it needs when it runs, so that help is quick."""
# ruff: noqa: PLC0415 - see above

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from taximeter.cli.budget_commands import add_budget_commands
from taximeter.cli.defaults import defaults_for
from taximeter.cli.forecasting import add_forecast_command
from taximeter.cli.message import complain
from taximeter.cli.options import By, Format, JournalFolder, Json, Since, Sinks, StoreFile, Until, Where, Zone
from taximeter.cli.reading_commands import add_reading_commands
from taximeter.cli.store_commands import add_store_commands
from taximeter.errors import ConfigurationError, TaximeterError
from taximeter.version import __version__


def _is_read_by_people() -> bool:
    return sys.stdout is not None and not sys.stdout.closed and sys.stdout.isatty()


app = typer.Typer(
    name="taximeter",
    help="Meters every LLM call a program makes: exact tokens, integer cost, who and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Boxes and colours for a terminal. They take most of the time of a help text, so a pipe gets it without.
    rich_markup_mode="rich" if _is_read_by_people() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"taximeter {__version__}\n")
        raise typer.Exit


@app.callback()
def _taximeter(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command("run", context_settings={"allow_interspersed_args": False})
def _run(
    command: Annotated[
        list[str], typer.Argument(metavar="[--] COMMAND...", help="The program and its arguments.")
    ],
    *,
    to: Sinks = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no receipt.")] = False,
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="A name for the program, written into its events.")
    ] = None,
    ask_usage: Annotated[
        bool, typer.Option(help="Ask for a stream's usage where a provider counts only for those who ask.")
    ] = True,
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the receipt into this file too, as JSON.")
    ] = None,
    max_usd: Annotated[
        str | None,
        typer.Option(
            metavar="USD",
            help="What all its calls together may cost; those that could cost more are not made.",
        ),
    ] = None,
) -> None:
    """Run a program and meter every LLM call it makes; its output and exit code stay its own.

    Events go to usage.db in the current folder unless --to says otherwise; the receipt is printed on stderr.
    """
    from taximeter.cli.run import run

    raise typer.Exit(
        run(
            command,
            to or [],
            quiet=quiet,
            service=service,
            ask_usage=ask_usage,
            receipt_file=receipt,
            max_usd=max_usd,
        )
    )


add_reading_commands(app)
add_store_commands(app)
add_forecast_command(app)
add_budget_commands(app)


@app.command("replay")
def _replay(
    file: Annotated[
        str, typer.Argument(help="Recorded interactions, one a line, gzip or not; - reads stdin.")
    ],
    *,
    to: Sinks = None,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="Print one event a line instead of a table.")
    ] = False,
    by: By = None,
    tz: Zone = "UTC",
) -> None:
    """Turn recorded interactions into events."""
    from taximeter.cli.replay import replay

    replay(file, to or [], by or ["wire_format", "model"], ndjson=ndjson, tz=tz)


@app.command("why")
def _why(
    event_id: Annotated[str, typer.Argument(help="The id of the call's event.")],
    *,
    store: Annotated[Path, typer.Option(metavar="FILE", help="A store or a file of events.")] = Path(
        "usage.db"
    ),
    as_json: Json = False,
) -> None:
    """Explain the cost of one call: quantity x rate by rule, from the event alone."""
    from taximeter.cli.why import why

    why(event_id, store, as_json=as_json)


@app.command("reprice")
def _reprice(
    store: StoreFile = Path("usage.db"),
    *,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="The prices of this moment for all calls, instead of each call's own time."
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="FILE", help="Another price table: a file, current or shipped.")
    ] = None,
    prices: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A contract: TOML with [[overrides]], or a provider's prices."),
    ] = None,
    discount: Annotated[
        list[str] | None,
        typer.Option(metavar="PERCENT", help="Off the list: 20, anthropic=20 or anthropic/claude-*=20."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FROM=TO", help="Another model instead: claude-opus-4-5=gpt-5, anthropic/*=google/..."
        ),
    ] = None,
    token_ratio: Annotated[
        str | None,
        typer.Option(metavar="N", help="Tokens that the other model makes of one; 1 if not given."),
    ] = None,
    reported: Annotated[
        bool, typer.Option("--reported", help="Also where the provider or the application said the cost.")
    ] = False,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    tz: Zone = "UTC",
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the calls with their new costs into this new store."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let it take the place of an older repricing.")
    ] = False,
    output_format: Format = None,
    as_json: Json = False,
) -> None:
    """Price recorded calls again: as of a date, by another table or contract, or as another model's; shows the change.

    The store is only read. Calls keep the cost that a provider reported unless --reported is given.
    """
    from taximeter.cli.choice import read_choice
    from taximeter.cli.output_format import read_format
    from taximeter.cli.reprice import NewStore, read_catalog, read_terms, reprice
    from taximeter.report.window import read_moment

    choice = read_choice(since=since, until=until, tz=tz, where=where)
    catalog = read_catalog(table, prices or [], discount or [])
    at_us = None if as_of is None else read_moment(as_of, choice.zone, key="--as-of")
    terms = read_terms(catalog, at_us=at_us, models=model or [], token_ratio=token_ratio, reported=reported)
    stated = {
        "as_of": as_of,
        "table": table,
        "prices": [str(path) for path in prices or []],
        "discount": discount,
        "model": model,
        "token_ratio": token_ratio,
        "reported": reported,
    }
    new = NewStore(path=write, replace=replace, stated=stated) if write else None
    reprice(store, catalog, terms, choice, new=new, output_format=read_format(output_format, as_json=as_json))


@app.command("export")
def _export(
    store: StoreFile = Path("usage.db"),
    *,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="csv, parquet, focus or ndjson; else by the name of --out.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write into this file, not to standard output.")
    ] = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    tz: Zone = "UTC",
    verbatim: Annotated[
        bool,
        typer.Option("--verbatim", help="CSV: leave texts alone that a spreadsheet would run as a formula."),
    ] = False,
    focus_version: Annotated[
        str, typer.Option(metavar="VERSION", help="FOCUS: 1.2, 1.3 or 1.4 of the specification.")
    ] = "1.2",
    per: Annotated[
        str, typer.Option(metavar="PERIOD", help="FOCUS: a row for each hour, day or call.")
    ] = "day",
    prices: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="FOCUS: the contract that calls were priced by, for contracted costs."
        ),
    ] = None,
    billing_account: Annotated[
        str | None, typer.Option(metavar="ID", help="FOCUS: the account that pays; else the provider's name.")
    ] = None,
    invoice_issuer: Annotated[
        str | None, typer.Option(metavar="NAME", help="FOCUS: who sends the invoice; else the provider.")
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="FOCUS: write the schema, and what was left out, here."),
    ] = None,
) -> None:
    """Write events (CSV, Parquet, NDJSON) or costs by meter (FOCUS: CSV, or Parquet by the name of --out)."""
    from taximeter.cli.choice import read_choice
    from taximeter.cli.export import FocusRequest, export, read_target
    from taximeter.exports.focus_options import FocusOptions

    options = FocusOptions(
        version=focus_version,
        per=per,  # type: ignore[arg-type] # checked there
        billing_account=billing_account,
        invoice_issuer=invoice_issuer,
    )
    export(
        store,
        read_choice(since=since, until=until, tz=tz, where=where),
        read_target(out, format_name, verbatim=verbatim),
        FocusRequest(options=options, prices=tuple(prices or ()), metadata=metadata),
    )


@app.command("price")
def _price(
    file: Annotated[
        str,
        typer.Argument(
            help="Records of id, provider, model, api, at, context and raw_usage: JSON or one a line; - reads stdin."
        ),
    ],
) -> None:
    """Price a file of raw usage; prints one cost with its components a line."""
    from taximeter.cli.price import price

    price(file)


prices = typer.Typer(
    no_args_is_help=True, help="Look prices up, compare tables, take a newer one, see what lacks a price."
)
app.add_typer(prices, name="prices")


@prices.command("show")
def _prices_show(
    model: Annotated[str, typer.Argument(help="A model, as a request or an answer names it.")],
    *,
    provider: Annotated[str | None, typer.Option(help="Whose model; all who have it if not given.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Prices at this moment instead of now.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="History and variants too, not only the prices in force.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the prices of a model."""
    from taximeter.cli.prices import show

    show(model, provider, at=at, everything=everything, as_json=as_json)


@prices.command("diff")
def _prices_diff(
    old: Annotated[str, typer.Argument(help="A table's file, or: current, shipped.")],
    new: Annotated[str, typer.Argument(help="Another one.")] = "current",
    *,
    as_json: Json = False,
) -> None:
    """Show what changed from one price table to another."""
    from taximeter.cli.prices import diff

    diff(old, new, as_json=as_json)


@prices.command("update")
def _prices_update(
    source: Annotated[str, typer.Argument(help="A file or an http(s) URL.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Take it even if it is older or does not look right.")
    ] = False,
) -> None:
    """Take in a newer price table, checked first; programs that start from now on use it."""
    from taximeter.cli.prices import update

    update(source, force=force)


@prices.command("check")
def _prices_check(
    store: StoreFile = Path("usage.db"), *, since: Since = None, until: Until = None, as_json: Json = False
) -> None:
    """List the calls in a store that lack a price or a part of it, and why."""
    from taximeter.cli.prices import check

    check(store, since=since, until=until, as_json=as_json)


@app.command("drain")
def _drain(
    folder: JournalFolder,
    *,
    to: Sinks = None,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is left.")] = False,
) -> None:
    """Carry a journal's events to the sinks, beside the processes that write it, until SIGINT or SIGTERM.

    The sinks should be those of the service (usage.db without --to): each sink's place in the journal goes by its name.
    """
    from taximeter.cli.journal import drain_journal

    drain_journal(folder, to or [], once=once)


journal = typer.Typer(help="Show a journal and mend it.", no_args_is_help=True)
app.add_typer(journal, name="journal")


@journal.command("status")
def _status(folder: JournalFolder, *, as_json: Json = False) -> None:
    """Show the ledger: what was tracked, delivered, dropped and is pending, for each sink.

    Exits with 1 when a sink fails, denies access, or has got nothing of what is pending for a minute.
    """
    from taximeter.cli.journal import show_status

    raise typer.Exit(show_status(folder, as_json=as_json))


@journal.command("verify")
def _verify(folder: JournalFolder, *, as_json: Json = False) -> None:
    """Read every byte and say what is damaged; changes nothing. Exits with 1 when anything is."""
    from taximeter.cli.journal import show_soundness

    raise typer.Exit(show_soundness(folder, as_json=as_json))


@journal.command("recover")
def _recover(folder: JournalFolder) -> None:
    """Cut torn ends and set damaged cursors aside, keeping all of it in the folder's quarantine.

    The next process does without it too; this is for those who want to look first.
    """
    from taximeter.cli.journal import recover_journal

    recover_journal(folder)


@journal.command("retry")
def _retry(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The folder of a journal, or a file of dead letters.")
    ],
    *,
    to: Sinks = None,
) -> None:
    """Send the events again that sinks have refused, each to the sink that did, once the cause is mended.

    Those that are not taken stay in the file. Exits with 1 when any do.
    """
    from taximeter.cli.journal import retry_dead_letters

    raise typer.Exit(retry_dead_letters(path, to or []))


@app.command("receive")
def _receive(
    *,
    db: Annotated[Path, typer.Option("--db", metavar="FILE", help="The SQLite file to store into.")] = Path(
        "usage.db"
    ),
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN", help="What senders have to show. Every user of the machine can see it here (ps)."
        ),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(metavar="FILE", help="A file that holds it.")] = None,
    host: Annotated[str, typer.Option(metavar="HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8484,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answer by https, with this PEM chain ...")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="... and its key.")] = None,
) -> None:
    """Store what HTTP sinks of other programs send, until SIGINT or SIGTERM.

    The token may also be in the environment, as TAXIMETER_TOKEN. Needs the extra `web`.
    """
    from taximeter.cli.receive import receive

    receive(db, token=token, token_file=token_file, host=host, port=port, certificate=certificate, key=key)


@app.command("config")
def _config(
    *,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read this file, not the one that is found.")
    ] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table or json.")] = "table",
) -> None:
    """Show every setting, its value, and whether environment, file or default say so; secrets are not shown."""
    from taximeter.cli.config import show_settings

    show_settings(file, form=form)


@app.command("schema")
def _schema(
    name: Annotated[str | None, typer.Argument(help="Which schema; without a name, list them.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write files into this folder instead of printing.")
    ] = None,
) -> None:
    """Print the JSON Schemas of events, or the OpenAPI document of the server that HTTP sinks post to."""
    from taximeter.cli.schema import schema

    schema(name, out)


def run_app(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code.

    0 done, 1 data that cannot be read, 2 wrong usage, 130 Ctrl-C, 141 nobody reads the output any more.
    """
    try:
        command: Any = get_command(app)
        code: Any = command.main(
            list(arguments),
            prog_name="taximeter",
            standalone_mode=False,
            default_map=defaults_for(command.commands, arguments),
        )
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except (BrokenPipeError, SystemExit) as error:
        if BrokenPipeError not in (type(error), type(error.__context__)):  # click makes SystemExit(1) of one
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
        return 141
    except TaximeterError as error:
        complain(str(error))
        return 2 if isinstance(error, ConfigurationError) else 1
    except OSError as error:
        complain(": ".join(str(part) for part in (error.filename, error.strerror) if part) or str(error))
        return 1
    except Exception as error:
        if (describe := getattr(error, "format_message", None)) is None:
            raise
        message = describe()  # empty after a help text that was shown in place of a missing command
        if (
            type(error).__name__ == "NoArgsIsHelpError" and message
        ):  # Typer does not export it; in a pipe it is the text
            sys.stdout.write(f"{message}\n")
        elif message:
            complain(f"{message} (taximeter --help says more)")
        return int(getattr(error, "exit_code", 2))
    return code if isinstance(code, int) else 0
