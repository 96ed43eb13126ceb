"""Why one set of calls cost more than another."""

from hypothesis import given
from hypothesis import strategies as st

from taximeter.report.difference import Effects, compare, total_of
from taximeter.report.group import Group
from taximeter.report.totals import Totals


@st.composite
def totals(draw: st.DrawFn) -> Totals:
    calls = draw(st.integers(0, 50))
    if not calls:
        return Totals()
    unpriced = draw(st.integers(0, calls))
    return Totals(
        calls=calls,
        unpriced_calls=unpriced,
        input_tokens=draw(st.integers(0, 10**9)),
        output_tokens=draw(st.integers(0, 10**6)),
        cost_usd_nanos=draw(st.integers(0, 10**12)) if unpriced < calls else 0,
    )


SIDES = st.lists(
    st.builds(
        lambda agent, model, sums: Group((agent, model), sums),
        st.sampled_from([None, "a", "b"]),
        st.sampled_from([None, "x", "y"]),
        totals(),
    ),
    max_size=8,
)


@given(SIDES, SIDES)
def test_the_parts_are_the_whole_to_the_nanodollar(before: list[Group], after: list[Group]) -> None:
    """For each group and for all together, whatever is unknown or only on one side."""
    found = compare(before, after, width=1)
    for each in (*found, total_of(found)):
        change = each.after.cost_usd_nanos - each.before.cost_usd_nanos
        assert each.effects.total == change
        assert sum(getattr(each.effects, name) for name in Effects.__struct_fields__) == change
    spent = [sum(group.totals.cost_usd_nanos for group in side) for side in (before, after)]
    assert total_of(found).effects.total == spent[1] - spent[0]


@given(SIDES)
def test_what_is_the_same_has_not_changed(side: list[Group]) -> None:
    """No part cancels another."""
    assert total_of(compare(side, side, width=2)).effects == Effects()


@given(SIDES, st.integers(2, 5))
def test_more_of_the_same_is_more_calls_only(side: list[Group], times: int) -> None:
    """Every call several times: neither mix nor tokens nor price."""
    effects = total_of(compare(side, [group for group in side for _ in range(times)], width=1)).effects
    spent = sum(group.totals.cost_usd_nanos for group in side)
    assert effects == Effects(calls=spent * (times - 1))


def group(model: str, calls: int, tokens: int, nanos: int) -> Group:
    return Group((model,), Totals(calls=calls, input_tokens=tokens, cost_usd_nanos=nanos))


def effects_of(before: list[Group], after: list[Group]) -> Effects:
    return total_of(compare(before, after, width=1)).effects


def test_each_cause_is_told_from_the_others() -> None:
    """One thing changes at a time, and has the whole change."""
    before = [group("small", 10, 1000, 1000), group("large", 10, 1000, 9000)]
    dearer = [group("small", 10, 1000, 1000), group("large", 10, 1000, 12_000)]
    longer = [group("small", 10, 1000, 1000), group("large", 10, 2000, 18_000)]
    moved = [group("small", 5, 500, 500), group("large", 15, 1500, 13_500)]
    assert effects_of(before, dearer) == Effects(price=3000)
    assert effects_of(before, longer) == Effects(tokens=9000)
    assert effects_of(before, moved) == Effects(mix=4000)


def test_a_new_group_is_mix_and_a_first_call_is_more_calls() -> None:
    """What was not there has no earlier cost to compare with."""
    assert effects_of([group("a", 2, 20, 200)], [group("a", 1, 10, 100), group("b", 1, 10, 900)]) == Effects(
        mix=800
    )
    assert effects_of([], [group("a", 2, 20, 200)]) == Effects(calls=200)
    assert effects_of([group("a", 2, 20, 200)], []) == Effects(calls=-200)


def test_calls_without_a_price_move_no_cause() -> None:
    """The same priced calls, beside others whose cost is not known, are the same."""
    before = [Group(("a",), Totals(calls=10, input_tokens=1000, cost_usd_nanos=5000))]
    after = [
        Group(("a",), Totals(calls=20, unpriced_calls=10, input_tokens=2000, cost_usd_nanos=5000)),
    ]
    assert effects_of(before, after) == Effects()
