"""Configured budgets: what the sections `[[budgets]]` of the configuration file hold."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from taximeter.errors import ConfigurationError
from taximeter.settings import Settings
from taximeter.settings.shown import shown

if TYPE_CHECKING:
    from taximeter.budget.definition import Budget


def configured_budgets(settings: Settings) -> "Iterator[Budget]":
    """Yield the budgets of a file, in its order.

    Raises:
        ConfigurationError: One that cannot work; names the file and the key.
    """
    tables = settings.sections.get("budgets", [])
    where = str(settings.file)
    if not isinstance(tables, list):
        raise ConfigurationError("budgets", tables, "tables [[budgets]]", where=where)
    if not tables:
        return
    from taximeter.budget.definition import read_budget  # noqa: PLC0415 - most files have none

    for at, table in enumerate(tables):
        try:
            yield read_budget(table, f"budgets[{at}]")
        except ConfigurationError as error:
            value = shown(error.value, error.key)  # a webhook's address may be its key
            raise ConfigurationError(error.key, value, error.allowed, where=where) from error
