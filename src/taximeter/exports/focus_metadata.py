"""FOCUS metadata: what a data set is, beside its rows; and what it does not hold."""

from collections.abc import Mapping
from time import time_ns
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from taximeter.exports.column import Kind, moment_text
from taximeter.exports.focus import TAG_PREFIX, FocusCounts
from taximeter.exports.focus_columns import FocusColumn, focus_columns
from taximeter.exports.focus_options import FocusOptions
from taximeter.exports.parquet_file import DECIMAL_DIGITS, DECIMAL_SCALE
from taximeter.version import __version__

_TYPES = {Kind.DECIMAL: "DECIMAL", Kind.TIMESTAMP: "DATETIME", Kind.JSON: "JSON", Kind.INTEGER: "INTEGER"}


def focus_metadata(options: FocusOptions, counts: FocusCounts | None = None) -> dict[str, Any]:
    """Return the data generator and the schema, and in `x_Completeness` how many calls have no rows, and why.

    Args:
        options: What the rows are.
        counts: What became of the calls; None where that is not known yet.
    """
    columns = focus_columns(options.version)
    document: dict[str, Any] = {
        "DataGenerator": {"DataGenerator": "taximeter"},
        "Schema": {
            "SchemaId": str(uuid5(NAMESPACE_URL, f"taximeter/focus/{options.version}/{__version__}")),
            "FocusVersion": options.version,
            "CreationDate": moment_text(time_ns() // 1000, whole_seconds=True),
            "DataGeneratorVersion": __version__,
            "ColumnDefinition": [_definition(column) for column in columns],
        },
    }
    if counts is not None:
        document["x_Completeness"] = msgspec.structs.asdict(counts)
    return document


def _definition(column: FocusColumn) -> Mapping[str, Any]:
    definition: dict[str, Any] = {"ColumnName": column.name, "DataType": _TYPES.get(column.kind, "STRING")}
    if column.kind is Kind.DECIMAL:
        definition |= {"NumericPrecision": DECIMAL_DIGITS, "NumberScale": DECIMAL_SCALE}
    if column.kind is Kind.STRING:
        definition["StringEncoding"] = "UTF-8"
    if column.name == "Tags":
        definition["ProviderTagPrefixes"] = [TAG_PREFIX.rstrip("/")]
    return definition
