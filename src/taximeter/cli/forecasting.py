"""The command `forecast`: its options and its help. It loads what it needs when it runs, so that help is quick."""
# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import Annotated, Any

import typer

from taximeter.cli.options import Format, Json, StoreFile, Where, Zone
from taximeter.errors import ConfigurationError

_Text = str | None


def add_forecast_command(app: typer.Typer) -> None:
    """Add the command to an app."""
    app.command("forecast")(_forecast)


def _option(text: str, metavar: str = "NAME") -> Any:
    return typer.Option(metavar=metavar, help=text)


def _forecast(
    store: StoreFile = Path("usage.db"),
    *,
    model: Annotated[_Text, _option("The model that is to be asked.")] = None,
    provider: Annotated[_Text, _option("Who provides it; else who answered most calls of it.")] = None,
    task_type: Annotated[_Text, _option("What the calls are for.")] = None,
    complexity: Annotated[_Text, _option("How hard they are.")] = None,
    agent: Annotated[_Text, _option("Who makes them.")] = None,
    operation: Annotated[_Text, _option("chat (if not given), embeddings ...")] = None,
    input_tokens: Annotated[
        int | None, typer.Option(min=0, help="Of each call; else that of such calls.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Where an answer is cut.")] = None,
    calls: Annotated[int, typer.Option(min=1, help="How many calls the job has.")] = 1,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="How often forecasts have held.")
    ] = False,
    month: Annotated[bool, typer.Option("--month", help="The running month, at the present rate.")] = False,
    days: Annotated[int, typer.Option(min=1, help="How far back history is looked at.")] = 90,
    tz: Zone = "UTC",
    where: Where = None,
    output_format: Format = None,
    as_json: Json = False,
) -> None:
    """Foresee what a call, a job of many calls or the running month will cost, from the calls in a store.

    With --model it is about calls, with --calibration about how often forecasts have held, else about the month (--tz and
    --where are for it alone). Half of the time it stays within the p50, and nine times in ten within the p90.
    """
    from taximeter.cli.choice import read_choice
    from taximeter.cli.forecast import forecast_calibration, forecast_job, forecast_month
    from taximeter.cli.output_format import read_format

    shape = read_format(output_format, as_json=as_json)
    said = {
        "model": model,
        "provider": provider,
        "task_type": task_type,
        "complexity": complexity,
        "agent": agent,
        "operation": operation,
        "input_tokens": input_tokens,
        "max_tokens": max_tokens,
    }
    call: Any = {name: value for name, value in said.items() if value is not None}
    if calibration + month + bool(call or calls > 1) > 1:
        raise ConfigurationError(
            "--month", month, "alone: a call, the month or --calibration is one question each"
        )
    if (call or calls > 1) and model is None:
        raise ConfigurationError("--model", None, "given where it is about calls")
    if calibration:
        forecast_calibration(store, days=days, output_format=shape)
    elif model is not None:
        forecast_job(store, call, calls, days=days, output_format=shape)
    else:
        forecast_month(store, read_choice(tz=tz, where=where), output_format=shape)
