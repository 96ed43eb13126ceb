"""Small price tables for tests."""

from taximeter.pricing.catalog import Catalog
from taximeter.pricing.table import Multiplier, Provider, Row, build_table, shipped_table

MTOK = 10**9
"""Femtodollars a token at one USD per million."""

NOON_2026 = 1_767_268_800_000_000


SHIPPED = Catalog(shipped_table())
"""The prices we ship, whatever table this machine's user may have installed."""


def catalog_of(*rows: Row, multipliers: tuple[Multiplier, ...] = ()) -> Catalog:
    """Make a catalog in which the provider `acme` has the model `one` with these rows."""
    provider = Provider({"one": rows}, {"one": "one"}, {})
    return Catalog(build_table("2026-01-01", "test", {"acme": provider}, multipliers))
