"""Rates as text: so many dollars for so many of what is counted."""

_UNITS = {"mtok": "per million", "1k": "per thousand", "hour": "per hour"}


def rate_text(usd: str | None, unit: str | None) -> str:
    """Return `$3 per million`; None stands for a rate that is not known."""
    if usd is None or unit is None:
        return "no price"
    return f"${usd} {_UNITS.get(unit, f'per {unit}')}"
