"""A new store for calls with other costs."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from event_samples import call, write_store
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.report.repricing import Fate, Repriced
from taximeter.store import Store
from taximeter.store.repriced_store import RepricedStore


def doubled(event: TaskCompletionEvent) -> Repriced:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    nanos = None if event.actual_cost_usd_nanos is None else event.actual_cost_usd_nanos * 2
    after = TaskCompletionEvent(**{**fields, "actual_cost_usd_nanos": nanos})
    return Repriced(event, after, Fate.CHANGED)


def write(path: Path, events: list[TaskCompletionEvent], *, replace: bool = False) -> None:
    with RepricedStore(path, price_version="test", terms={"discount": ["20"]}, replace=replace) as store:
        for event in events:
            store.write(doubled(event))


def test_it_is_a_store_with_the_old_costs_beside(tmp_path: Path) -> None:
    """Every question gives the new costs, and a view sets the old ones beside them."""
    events = [call(nanos=n) for n in range(1, 1203)] + [call(nanos=None)]
    write(tmp_path / "new.db", events)
    with Store(tmp_path / "new.db") as store:
        (group,) = store.totals()
    assert group.totals.cost_usd_nanos == 2 * sum(range(1, 1203))
    assert group.totals.unpriced_calls == 1
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        query = "SELECT COUNT(*), SUM(original_cost_usd_nanos), SUM(difference_usd_nanos) FROM repriced_calls"
        assert connection.execute(query).fetchone() == (1203, sum(range(1, 1203)), sum(range(1, 1203)))
        assert connection.execute("SELECT price_version, terms FROM repricings").fetchall() == [
            ("test", '{"discount":["20"]}')
        ]
    assert [path.name for path in tmp_path.iterdir()] == ["new.db"]


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """The file appears when it is whole, or not at all."""
    path = tmp_path / "new.db"
    with pytest.raises(ZeroDivisionError), RepricedStore(path, price_version="test", terms={}) as store:
        store.write(doubled(call(nanos=1 // 0)))
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_others_is_replaced(tmp_path: Path) -> None:
    """A store of events stays even where replacing is asked for; an older repricing only where it is not."""
    usage = write_store(tmp_path / "usage.db", [call()])
    before = usage.read_bytes()
    for replace in (False, True):
        with pytest.raises(ConfigurationError, match="no repricing"):
            write(usage, [call()], replace=replace)
    assert usage.read_bytes() == before
    write(tmp_path / "new.db", [call()])
    with pytest.raises(ConfigurationError, match="--replace"):
        write(tmp_path / "new.db", [call()])
    write(tmp_path / "new.db", [call(), call()], replace=True)
    with Store(tmp_path / "new.db") as store:
        assert store.totals()[0].totals.calls == 2
    with pytest.raises(ConfigurationError, match="folder"):
        write(tmp_path / "nowhere" / "new.db", [])
