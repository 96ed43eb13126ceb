"""Conditions: what else than the model moves the price of a call."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

Conditions = Mapping[str, str]

_STANDARD_TIERS = frozenset({"default", "standard", "auto", "on_demand", "standard_only"})
_TRAFFIC_TIERS = {"on_demand_priority": "priority", "on_demand_flex": "flex"}  # Vertex's `trafficType`


def conditions(service_tier: str | None, context: Mapping[str, str] | None) -> dict[str, str]:
    """Bring the served tier and the context of a call into the words of the table.

    Batch work is `processing=batch`, whichever way it was said; a tier at list price is left out.
    """
    found = {key: str(value).lower() for key, value in (context or {}).items()}
    stated = found.pop("service_tier", None)
    traffic = _TRAFFIC_TIERS.get(found.pop("traffic_type", ""))
    tier = (service_tier or stated or traffic or "").lower()
    batch = found.pop("batch", "false") not in {"false", "0", ""}
    if batch or tier == "batch":
        found["processing"] = "batch"
    elif tier and tier not in _STANDARD_TIERS:
        found["service_tier"] = tier
    return found


def meets(when: Conditions, found: Conditions) -> bool:
    """Whether a call is in the context that a rate asks for; `!x` asks for anything but x, and for something."""
    return all(key in found and _matches(found[key], wanted) for key, wanted in when.items())


def _matches(value: str, wanted: str) -> bool:
    if wanted.startswith("!"):
        return not fnmatchcase(value, wanted[1:])
    return fnmatchcase(value, wanted)
