"""Setting: one thing that can be set, and all that is known about it."""

from collections.abc import Callable
from typing import Any

import msgspec

from taximeter.settings.kind import Kind

PREFIX = "TAXIMETER_"


class Setting(msgspec.Struct, frozen=True, eq=False):
    """A row of the table.

    `check` says more than the kind can: it raises a ConfigurationError. `default` of None means none.
    `environment_only`: a secret, which has no place in a file that is shared, nor on a screen.
    """

    name: str
    kind: Kind
    doc: str
    default: Any = None
    default_doc: str | None = None
    """What the reference says in place of the default; None for the default itself."""
    check: Callable[[Any], object] | None = None
    group: str = ""
    """The heading that the reference puts it under."""
    environment_only: bool = False

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()
