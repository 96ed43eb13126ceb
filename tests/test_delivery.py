"""A batch in pieces: every event is settled once, in order, whatever is refused."""

from hypothesis import given
from hypothesis import strategies as st

from taximeter.delivery import Delivery
from taximeter.sinks.batch import batch_of


def delivery_of(count: int) -> Delivery:
    return Delivery(batch_of([b"%d" % n for n in range(count)]))


@given(st.integers(1, 200), st.sets(st.integers(0, 199)), st.integers(1, 200))
def test_bisection_finds_exactly_the_poison(count: int, poison: set[int], largest: int) -> None:
    """However much there is of it, and however little the sink takes at once; the others come in order."""
    delivery, arrived = delivery_of(count), []
    attempts = 0
    while not delivery.is_settled:
        attempts += 1
        places = [int(line) for line in delivery.piece.lines]
        if len(places) > largest or poison & set(places):
            delivery.split("invalid")
        else:
            arrived += places
            delivery.take()
    assert arrived == [n for n in range(count) if n not in poison]
    assert delivery.refused == dict.fromkeys(sorted(poison & set(range(count))), "invalid")
    assert attempts < 2 * count


@given(st.integers(1, 50), st.dictionaries(st.integers(-5, 60), st.text()))
def test_refused_places_are_counted_once(count: int, refused: dict[int, str]) -> None:
    """Places that are none are passed over; delivered and dropped are all there is."""
    delivery = delivery_of(count)
    delivery.take(refused)
    assert delivery.is_settled
    assert set(delivery.refused) == {place for place in refused if 0 <= place < count}
    assert delivery.dropped().total() == len(delivery.refused)


def test_what_is_given_up_is_what_is_left() -> None:
    """A batch that ends half way is counted as what became of each part."""
    delivery = delivery_of(8)
    delivery.split("too_large")
    delivery.take({1: "invalid"})
    assert delivery.left == [4, 5, 6, 7]
    assert delivery.dropped() == {"invalid": 1}
    assert delivery.dropped("sink_failed") == {"invalid": 1, "sink_failed": 4}


def test_an_empty_batch_is_settled() -> None:
    """There is nothing to write."""
    assert Delivery(batch_of([])).is_settled


@given(st.integers(1, 50), st.lists(st.integers(1, 60), min_size=50))
def test_parts_taken_from_the_front_keep_the_order(count: int, sizes: list[int]) -> None:
    """Each event is in one part, and a place in a part is the right place in the batch."""
    delivery, taken = delivery_of(count), 0
    for size in sizes:
        if delivery.is_settled:
            break
        assert delivery.left == [*range(taken, count)]
        delivery.take_first(size, {0: "invalid"})
        assert delivery.refused[taken] == "invalid"
        taken += size
    assert delivery.is_settled
