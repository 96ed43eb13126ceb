"""`taximeter config`: the settings in force here, and where each comes from."""

from pathlib import Path
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

from taximeter.cli.configured_budgets import configured_budgets
from taximeter.cli.console import console, plain
from taximeter.cli.output_format import write_json
from taximeter.errors import ConfigurationError, one_of
from taximeter.settings import Settings
from taximeter.settings.shown import shown
from taximeter.settings.starting import check_configured

_FORMATS = ("table", "json")


def show_settings(file: Path | None, *, form: str) -> None:
    """Print every setting with its value and its origin; secrets are not shown. Then see whether they can work here.

    Raises:
        ConfigurationError: A setting that cannot be, or with which `start_configured` would not start, or a form that
            there is not.
    """
    if form not in _FORMATS:
        raise ConfigurationError("--format", form, one_of(form, _FORMATS))
    settings = Settings.load(file)
    _ = [*configured_budgets(settings)]  # of which a wrong one is an error here too
    if form == "json":
        write_json(_document(settings))
    else:
        _print(settings)
    check_configured(settings)


def _print(settings: Settings) -> None:
    out = console()
    out.print(plain(f"file: {settings.file or 'none found'}"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("setting", "value", "from"):
        table.add_column(name, overflow="fold")
    for name, found in settings.found.items():
        style = "dim" if found.source == "default" else ""
        value = _text(settings.shown(name))
        table.add_row(plain(name, style), plain(value, style), plain(found.where or found.source, style))
    for name, section in settings.sections.items():
        table.add_row(plain(name), plain(_text(shown(section, name))), plain(f"{settings.file}: {name}"))
    out.print(table)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _document(settings: Settings) -> dict[str, Any]:
    return {
        "file": None if settings.file is None else str(settings.file),
        "settings": [
            {"name": name, "value": settings.shown(name), "source": found.source, "where": found.where}
            for name, found in settings.found.items()
        ],
        "sections": {name: shown(section, name) for name, section in settings.sections.items()},
    }
