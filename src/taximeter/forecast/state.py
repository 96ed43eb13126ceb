"""State: what a forecast has learned, as a value that can be written down and read back."""

import msgspec

from taximeter.forecast.experience import Experience
from taximeter.forecast.history import History
from taximeter.forecast.input_ratio import InputRatios, Ratios
from taximeter.forecast.kind import Group
from taximeter.forecast.past_call import PastCall
from taximeter.forecast.standing import Standing


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Past calls once each, the groups they are in by their places, and how forecasts have done."""

    version: int = 1
    learned_until_us: int | None
    calls: list[PastCall]
    groups: list[tuple[list[int | str], list[int]]]
    output: list[Standing]
    cost: list[Standing]
    input_ratios: Ratios = []


def state_of(experience: Experience, ratios: InputRatios, learned_until_us: int | None) -> State:
    """Return what has been learned."""
    places: dict[int, int] = {}
    calls: list[PastCall] = []
    groups = []
    for group, last in experience.history:
        members = []
        for call in tuple(last.calls):  # a call in several groups is one object
            at = places.setdefault(id(call), len(calls))
            if at == len(calls):
                calls.append(call)
            members.append(at)
        groups.append((list(group), members))
    return State(
        learned_until_us=learned_until_us,
        calls=calls,
        groups=groups,
        output=experience.output,
        cost=experience.cost,
        input_ratios=ratios.as_list(),
    )


def experience_of(state: State) -> Experience:
    """Return the experience that was written down.

    Raises:
        IndexError: A group has a call that there is none of.
    """
    history = History()
    for (level, *parts), members in state.groups:
        group: Group = (level, *map(str, parts))
        for at in members:
            history.add([group], state.calls[at])
    return Experience(history, state.output, state.cost)
