"""Progress bars."""

from collections.abc import Iterator

from taximeter.cli.progress import watched


def test_the_source_is_closed_where_the_reader_leaves_early() -> None:
    """What is read from a store lets it go before the store is closed, also at Ctrl-C."""
    closed = []

    def source() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(True)

    with watched(source(), "count", None) as items:
        assert next(items) == 0
        assert not closed
    assert closed


def test_all_items_pass() -> None:
    """Watching changes nothing of what is read."""
    with watched(iter(range(1001)), "count", 1001) as items:
        assert list(items) == list(range(1001))
