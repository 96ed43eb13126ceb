"""Difference: what changed between two tables."""

from price_lists import MTOK, NOON_2026
from taximeter.pricing.difference import differences
from taximeter.pricing.table import Provider, Row, Table, build_table

OLD = Row({"input": 2 * MTOK, "output": MTOK})


def table(**models: tuple[Row, ...]) -> Table:
    return build_table(
        "2026-01-01", "test", {"acme": Provider(models, {name: name for name in models}, {})}, ()
    )


def test_the_same_table_has_no_differences() -> None:
    """Nothing is reported where nothing changed."""
    assert differences(table(one=(OLD,)), table(one=(OLD,))) == ()


def test_models_come_and_go() -> None:
    """Added and removed models are named."""
    changes = differences(table(one=(OLD,), two=(OLD,)), table(one=(OLD,), three=(OLD,)))
    assert [(change.id, change.what) for change in changes] == [
        ("acme/three", "added"),
        ("acme/two", "removed"),
    ]


def test_prices_change_by_kind() -> None:
    """What holds at the instant is compared, kind by kind, in USD."""
    new = Row({"input": 3 * MTOK, "cache_read": MTOK, "output": MTOK}, from_us=NOON_2026)
    changes = differences(table(one=(OLD,)), table(one=(OLD, new)), at_us=NOON_2026)
    assert [(change.kind, change.old, change.new, change.factor) for change in changes] == [
        ("cache_read", None, "1", None),
        ("input", "2", "3", 1.5),
    ]


def test_other_changes_are_terms() -> None:
    """A price to come, or a variant, changes the terms and not today's price."""
    new = Row({"input": 3 * MTOK}, from_us=NOON_2026)
    [change] = differences(table(one=(OLD,)), table(one=(OLD, new)), at_us=NOON_2026 - 1)
    assert (change.id, change.what, change.kind) == ("acme/one", "terms", None)
