"""`taximeter forecast`: what a call, a job or the month will cost, and how often forecasts have held."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from taximeter.cli.choice import Choice
from taximeter.cli.conclusion import describe_losses, mention_unreadable
from taximeter.cli.console import console, plain
from taximeter.cli.listing import Column, Listing, Row, number, print_listing, write_listing_as_markdown
from taximeter.cli.output_format import write_csv, write_json
from taximeter.errors import ConfigurationError
from taximeter.forecast import CallFields, Forecast, JobExpectation
from taximeter.forecast.calibration import CalibrationRow
from taximeter.forecast.kind import model_stem
from taximeter.forecast.month import MonthExpectation, expect_month
from taximeter.report.money import format_usd, plural
from taximeter.store import EventFile, Store, open_store

UNKNOWN = "unknown"
_JOB_COLUMNS = (
    Column("for", is_number=False),
    Column("input", is_optional=True),
    Column("output p50"),
    Column("output p90"),
    Column("cost p50"),
    Column("cost p90"),
    Column("unpriced", is_optional=True),
)
_CALIBRATION_COLUMNS = (
    Column("earlier calls alike", is_number=False),
    Column("calls"),
    Column("output within p50", is_optional=True),
    Column("output within p90"),
    Column("cost within p50", is_optional=True),
    Column("cost within p90"),
)


def forecast_job(path: Path, call: CallFields, calls: int, *, days: int, output_format: str) -> None:
    """Print what a job of one or more calls of a kind will cost.

    Raises:
        ConfigurationError: There is no such file, or nobody says who provides the model.
        StoreError: The file is no store.
    """
    with open_store(path) as store:
        if "provider" not in call:
            call = {**call, "provider": _provider_of(store, call.get("model"))}
        job = Forecast.from_store(store, days=days).expect_job(calls, **call)
        if output_format == "table":
            _print_job(job)
        else:
            _write(output_format, job, _job_listing(job), [_job_row(job)])
        mention_unreadable(store)


def forecast_calibration(path: Path, *, days: int, output_format: str) -> None:
    """Print how often forecasts held, each made from earlier calls only.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store.
    """
    with open_store(path) as store:
        rows = Forecast.from_store(store, days=days).calibration()
        if output_format == "table":
            _print_calibration(rows, path)
        else:
            flat = [{"history": row.history, **_held(row)} for row in rows]
            _write(output_format, flat, _calibration_listing(rows), flat)
        mention_unreadable(store)


def forecast_month(path: Path, choice: Choice, *, output_format: str) -> None:
    """Print what the running month will have cost at its end.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store.
    """
    with open_store(path) as store:
        month = expect_month(store, tz=choice.zone, where=choice.where)
        if output_format == "table":
            _print_month(store, month, choice)
        else:
            document = {"tz": choice.tz, "where": choice.where, **msgspec.structs.asdict(month)}
            so_far = {"spent_usd_nanos": month.so_far.cost_usd_nanos, "calls_so_far": month.so_far.calls}
            flat = {**msgspec.structs.asdict(month), "so_far": None, **so_far}
            del flat["so_far"]
            _write(output_format, document, _month_listing(month), [flat])
        mention_unreadable(store)


def _write(output_format: str, document: Any, listing: Listing, rows: Sequence[dict[str, Any]]) -> None:
    if output_format == "json":
        write_json(document)
    elif output_format == "csv":
        write_csv(list(rows[0]), [list(row.values()) for row in rows])
    else:
        write_listing_as_markdown(listing)


def _provider_of(store: Store | EventFile, model: str | None) -> str:
    """Return who has answered most calls of a model."""
    calls = {
        group.key[1]: group.totals.calls
        for group in store.totals(["model", "provider"])
        if group.key[0] is not None and group.key[1] is not None and model is not None
        if model_stem(group.key[0]) == model_stem(model)
    }
    found = max(calls, key=lambda provider: calls[provider], default=None)
    if found is None:
        raise ConfigurationError(
            "--provider", None, f"given: no call in {store.path} says who provides {model or 'the model'}"
        )
    return found


def _print_job(job: JobExpectation) -> None:
    out = console()
    print_listing(out, _job_listing(job))
    out.print()
    if job.unpriced_calls:
        of = f"{job.each.provider}/{job.each.model}"
        out.print(
            plain(f"No price of {of} is known: {plural(job.unpriced_calls, 'unpriced call')}.", "yellow")
        )
    if job.each.input_basis != "given":
        out.print(plain(f"Input: {_input_words(job)}."))
    out.print(plain(f"By {job.each.basis}."))


def _input_words(job: JobExpectation) -> str:
    if job.each.input_tokens is None:
        return "unknown, so the cost is too; --input-tokens says it"
    return f"that of such calls ({job.each.input_basis}); --input-tokens says another"


def _job_listing(job: JobExpectation) -> Listing:
    each = job.each
    rows = [
        _job_line(
            "a call",
            each.input_tokens,
            (each.output_tokens_p50, each.output_tokens_p90),
            (each.cost_p50_usd_nanos, each.cost_p90_usd_nanos),
            0 if each.is_priced else 1,
        )
    ]
    if job.calls > 1:
        rows.append(
            _job_line(
                plural(job.calls, "call"),
                job.input_tokens,
                (job.output_tokens_p50, job.output_tokens_p90),
                (job.cost_p50_usd_nanos, job.cost_p90_usd_nanos),
                job.unpriced_calls,
            )
        )
    listing = Listing(_JOB_COLUMNS, tuple(rows))
    return listing if job.unpriced_calls else listing.without(len(_JOB_COLUMNS) - 1)


def _job_line(
    name: str,
    taken: int | None,
    outputs: tuple[int, int],
    costs: tuple[int | None, int | None],
    unpriced: int,
) -> Row:
    numbers = [number(UNKNOWN, "yellow") if count is None else number(count) for count in (taken, *outputs)]
    return Row(
        (plain(name, "bold"), *numbers, *(_money(nanos) for nanos in costs), number(unpriced, "yellow"))
    )


def _money(nanos: int | None) -> Any:
    return plain(UNKNOWN, "yellow") if nanos is None else plain(format_usd(nanos), "green")


def _job_row(job: JobExpectation) -> dict[str, Any]:
    row = {
        **msgspec.structs.asdict(job),
        **{f"each_{k}": v for k, v in msgspec.structs.asdict(job.each).items()},
    }
    del row["each"]
    return row


def _print_calibration(rows: Sequence[CalibrationRow], path: Path) -> None:
    out = console()
    total = rows[-1].output
    if not total.calls and not rows[-1].cost.calls:
        out.print(plain(f"No calls in {path} to compare forecasts with."))
        return
    print_listing(out, _calibration_listing(rows))
    out.print()
    out.print(plain("Each call was foreseen from those before it. Right would be 50 % and 90 %."))


def _calibration_listing(rows: Sequence[CalibrationRow]) -> Listing:
    lines = [
        Row(
            (
                plain(row.history, "bold"),
                number(max(row.output.calls, row.cost.calls)),
                *(_percent(share) for share in _held(row).values() if not isinstance(share, int)),
            )
        )
        for row in rows
        if row.output.calls or row.cost.calls
    ]
    return Listing(_CALIBRATION_COLUMNS, tuple(lines[:-1]), lines[-1] if lines else None)


def _percent(share: float | None) -> Any:
    return plain("-", "dim") if share is None else plain(f"{share:.1%}")


def _held(row: CalibrationRow) -> dict[str, Any]:
    return {
        "output_calls": row.output.calls,
        "output_within_p50": row.output.p50_share,
        "output_within_p90": row.output.p90_share,
        "cost_calls": row.cost.calls,
        "cost_within_p50": row.cost.p50_share,
        "cost_within_p90": row.cost.p90_share,
    }


def _print_month(store: Store | EventFile, month: MonthExpectation, choice: Choice) -> None:
    out = console()
    print_listing(out, _month_listing(month))
    out.print()
    of = f" {described}" if (described := choice.describe()) else ""
    out.print(
        plain(f"{plural(month.so_far.calls, 'call')}{of} in {month.month} so far: {month.so_far.money}")
    )
    if month.unpriced_calls:
        out.print(
            plain(f"{plural(month.unpriced_calls, 'unpriced call')} by its end are in no amount.", "yellow")
        )
    out.print(plain(f"By {month.basis}."))
    for note in describe_losses(store, choice):
        out.print(plain(note, "yellow"))


def _month_listing(month: MonthExpectation) -> Listing:
    columns = (
        Column("month", is_number=False),
        Column("calls"),
        Column("cost p50"),
        Column("cost p90"),
        Column("unpriced", is_optional=True),
    )
    spent = _money(month.so_far.cost_usd_nanos)
    so_far = (
        plain("so far", "bold"),
        number(month.so_far.calls),
        spent,
        spent,
        number(month.so_far.unpriced_calls),
    )
    expected = (
        plain(f"{month.month} in all", "bold"),
        number(month.calls),
        _money(month.cost_p50_usd_nanos),
        _money(month.cost_p90_usd_nanos),
        number(month.unpriced_calls),
    )
    return Listing(columns, (Row(so_far), Row(expected)))
