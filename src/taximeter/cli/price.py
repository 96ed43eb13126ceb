"""`taximeter price`: costs for a file of raw usage."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from taximeter.cli.message import complain
from taximeter.errors import ConfigurationError
from taximeter.pricing.catalog import Catalog
from taximeter.pricing.record import price_record
from taximeter.report.money import plural
from taximeter.store.failure import StoreError
from taximeter.store.line_file import LONGEST_LINE_BYTES, LineFile

_NAMED_LINES = 20  # as in a replay


def price(path: str) -> None:
    """Print the price of each record of a file, one a line; see `price_record` for what goes in and comes out.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file cannot be read, or holds no record at all.
    """
    catalog = Catalog.default()
    write = sys.stdout.buffer.write
    with LineFile(path) as lines:
        for record in read_records(lines):
            write(msgspec.json.encode(_priced(record, catalog)) + b"\n")
    sys.stdout.buffer.flush()


def _priced(record: Mapping[str, Any], catalog: Catalog) -> dict[str, Any]:
    """Price a record; one that cannot be is answered all the same, with the reason, so that answers match questions."""
    try:
        return price_record(record, catalog)
    except (ConfigurationError, TypeError, ValueError, AttributeError) as error:
        return {
            "id": record.get("id"),
            "cost_status": "unknown",
            "cost_usd_micros": None,
            "cost_usd_nanos": None,
            "components": [],
            "price_version": catalog.version,
            "error": " ".join(str(error).split()),
        }


def read_records(lines: LineFile) -> Iterator[Mapping[str, Any]]:
    """Yield the records of a file: one a line, or one JSON document that is a record, a list, or has `cases`.

    Lines that hold no record are named and counted on stderr.

    Raises:
        StoreError: The file cannot be read, or nothing in it is a record.
    """
    numbered: Iterator[tuple[int, bytes]] = ((lines.line_number, line) for line in lines)
    first = next(numbered, (0, b""))
    if _decoded(first[1]) is None:  # no JSON ends with this line: it is part of a document, or a bad one
        rest = list(_within_reason(numbered, lines.path))
        document = _decoded(b"".join((first[1], *(line for _, line in rest))))
        if document is not None:
            first, rest = (1, msgspec.json.encode(document)), []
        numbered = iter(rest)
    yield from _records_of_lines(chain([first], numbered), lines.path)


def _within_reason(numbered: Iterable[tuple[int, bytes]], path: str) -> Iterator[tuple[int, bytes]]:
    size = 0
    for number, line in numbered:
        size += len(line)
        if size > LONGEST_LINE_BYTES:
            raise StoreError(f"{path}: its first line is no record, and it is too large to be one document")
        yield number, line


def _records_of_lines(numbered: Iterable[tuple[int, bytes]], path: str) -> Iterator[Mapping[str, Any]]:
    bad, good = 0, 0
    for number, line in numbered:
        records = list(_records_in(_decoded(line)))
        good += len(records)
        bad += not records
        if not records and bad <= _NAMED_LINES:
            complain(f"{path}: line {number}: not a record")
        yield from records
    if bad and not good:
        raise StoreError(f"{path}: holds no record: neither JSON nor one record a line")
    if bad > _NAMED_LINES:
        complain(f"{path}: {plural(bad, 'line')} in all without a record")


def _records_in(document: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, list):
        yield from (record for record in document if isinstance(record, dict))
    elif isinstance(document, dict) and isinstance(document.get("cases"), list):
        yield from _records_in(document["cases"])
    elif isinstance(document, dict):
        yield document


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
