"""Formulas: texts that a spreadsheet would run, and how they are kept from it."""

_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n")


def defused(text: str) -> str:
    """Return a text that a spreadsheet shows as it is.

    Texts come from outside (names of models, tags), and spreadsheets run those that look like a formula (OWASP, "CSV
    Injection"). Such a text gets an apostrophe before it, which they take for "this is text".
    """
    return f"'{text}" if text.startswith(_BEGINNINGS) else text
