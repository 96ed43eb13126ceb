"""The commands that read a store and change nothing."""
# ruff: noqa: PLC0415 - each loads what it needs when it runs, so that help is quick

from pathlib import Path
from typing import Annotated

import typer

from taximeter.cli.options import DEFAULT_STORE, By, Format, Json, Since, StoreFile, Until, Where, Zone

StoreOption = Annotated[
    Path, typer.Option("--store", "-s", metavar="FILE", help="A store or a file of events.")
]

Interval = Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait before looking again.")]


def add_reading_commands(app: typer.Typer) -> None:
    """Add the commands to an app."""
    app.command("report")(_report)
    app.command("top")(_top)
    app.command("tail")(_tail)
    app.command("diff")(_diff)
    app.command("waste")(_waste)


def _report(
    store: StoreFile = DEFAULT_STORE,
    *,
    by: By = None,
    since: Since = None,
    until: Until = None,
    tz: Zone = "UTC",
    where: Where = None,
    per_outcome: Annotated[
        bool,
        typer.Option(
            "--per-outcome",
            help="Show what a successful call costs, the others included; by task type without --by.",
        ),
    ] = False,
    latency: Annotated[
        bool, typer.Option("--latency", help="Show how often calls went well and how long they took.")
    ] = False,
    chart: Annotated[
        bool, typer.Option("--chart", help="Draw bars, and how each line went along time.")
    ] = False,
    output_format: Format = None,
    as_json: Json = False,
) -> None:
    """Show what was consumed: calls, tokens and cost by model, day, agent and so on."""
    from taximeter.cli.choice import read_choice
    from taximeter.cli.output_format import read_format
    from taximeter.cli.report import read_view, report

    report(
        store,
        by or (["task_type"] if per_outcome else ["model"]),
        read_choice(since=since, until=until, tz=tz, where=where),
        output_format=read_format(output_format, as_json=as_json),
        view=read_view(per_outcome=per_outcome, latency=latency, chart=chart),
    )


def _diff(
    before: Annotated[
        str,
        typer.Argument(
            help="A day, week or month (2026-11-01, 2026-W45, 2026-11, yesterday), an age (7d), two moments (14d..7d), "
            "run:ID, or the file of a store."
        ),
    ],
    after: Annotated[str, typer.Argument(help="The same.")],
    *,
    store: StoreOption = DEFAULT_STORE,
    by: By = None,
    since: Since = None,
    until: Until = None,
    tz: Zone = "UTC",
    where: Where = None,
    output_format: Format = None,
    as_json: Json = False,
) -> None:
    """Show what changed between two windows, runs or stores, and why: calls, mix, tokens a call, price a token."""
    from taximeter.cli.choice import read_choice
    from taximeter.cli.diff import diff, read_side
    from taximeter.cli.output_format import read_format

    choice = read_choice(since=since, until=until, tz=tz, where=where)
    one = read_side("BEFORE", before, store, choice)
    other = read_side("AFTER", after, store, choice)
    diff(one, other, by or ["model"], output_format=read_format(output_format, as_json=as_json))


def _waste(
    store: StoreFile = DEFAULT_STORE,
    *,
    by: By = None,
    since: Since = None,
    until: Until = None,
    tz: Zone = "UTC",
    where: Where = None,
    output_format: Format = None,
    as_json: Json = False,
) -> None:
    """Show money that bought nothing: retries, cut streams, billed failures, failed gates, caches nobody read."""
    from taximeter.cli.choice import read_choice
    from taximeter.cli.output_format import read_format
    from taximeter.cli.waste import waste

    choice = read_choice(since=since, until=until, tz=tz, where=where)
    waste(store, by or [], choice, output_format=read_format(output_format, as_json=as_json))


def _top(
    store: StoreFile = DEFAULT_STORE,
    *,
    by: By = None,
    last: Annotated[
        str, typer.Option("--last", metavar="AGE", help="For how long back: 5m, 24h, 7d ...")
    ] = "5m",
    tz: Zone = "UTC",
    where: Where = None,
    interval: Interval = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end, as it does into a pipe.")] = False,
) -> None:
    """Show what is being spent at the moment, and at what rate an hour, until Ctrl-C."""
    from taximeter.cli.choice import read_choice
    from taximeter.cli.top import top

    choice = read_choice(tz=tz, where=where)
    top(store, by or ["model"], choice, last=last, interval_s=interval, once=once)


def _tail(
    store: StoreFile = DEFAULT_STORE,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", metavar="COUNT", help="How many calls.")] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with those that come, until Ctrl-C.")
    ] = False,
    tz: Zone = "UTC",
    where: Where = None,
    interval: Interval = 0.5,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="Print the whole events, one a line, for programs.")
    ] = False,
) -> None:
    """Show the calls that came last, a line each, and those that come."""
    from taximeter.cli.choice import read_choice
    from taximeter.cli.tail import tail

    choice = read_choice(tz=tz, where=where)
    tail(store, choice, count=lines, follow=follow, interval_s=interval, ndjson=ndjson)
