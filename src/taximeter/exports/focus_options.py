"""Options: what rows of FOCUS are to be."""

from typing import Literal

import msgspec

from taximeter.errors import ConfigurationError, one_of
from taximeter.exports.focus_columns import focus_columns

Per = Literal["hour", "day", "call"]
PERIODS_US: dict[str, int] = {"hour": 3_600_000_000, "day": 86_400_000_000, "call": 1_000_000}
"""What one row covers, in microseconds; calls begin and end at whole seconds."""


class FocusOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows are to be.

    Args:
        version: Of the specification.
        per: What one row covers: an hour or a day of UTC, or a call.
        billing_account: The id of the account that pays; None means the provider's name.
        invoice_issuer: Who sends the invoice; None means the provider.

    Raises:
        ConfigurationError: A version or a period that is not known here.
    """

    version: str = "1.2"
    per: Per = "day"
    billing_account: str | None = None
    invoice_issuer: str | None = None

    def __post_init__(self) -> None:
        focus_columns(self.version)
        if self.per not in PERIODS_US:
            raise ConfigurationError("--per", self.per, one_of(self.per, PERIODS_US))
