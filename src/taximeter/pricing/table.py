"""Table: every rate we ship, with its validity, as one compact file."""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from taximeter.errors import TaximeterError
from taximeter.pricing.kind import TOKEN_KINDS

FORMAT = 1
_MAGIC = b"TXPRICE1"
_LIMIT_BYTES = 64 << 20  # a table is some 0.5 MB; what unpacks to more than this is none


class UnreadableTableError(TaximeterError):
    """Bytes that are no price table of a known format."""


class Tier(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Rates that hold when the whole input, cached tokens included, is larger than `above_tokens`.

    A cliff moves every token of the call to these rates; where `marginal`, only the input beyond the threshold moves.
    """

    above_tokens: int
    rates: dict[str, int]
    marginal: bool = False


class Window(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part of the day in UTC, in seconds after midnight; it may pass midnight. `days`: a bit a weekday, Monday 1."""

    start_s: int
    end_s: int
    days: int = 0b1111111


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one model charges from one instant to another, femtodollars a piece (see `kind.PIECES`).

    With `when` it is a variant: it holds for calls in that context only and replaces just the kinds it names.
    """

    rates: dict[str, int]
    tiers: tuple[Tier, ...] = ()
    from_us: int | None = None
    until_us: int | None = None
    window: Window | None = None
    when: dict[str, str] = {}
    overlay: bool = False
    minimums: dict[str, int] = {}
    """The least quantity billed, by kind."""

    def rates_above(self, tokens: int) -> dict[str, int]:
        """Return the rates in force once the input is larger than *tokens*."""
        merged = dict(self.rates)
        for tier in self.tiers:
            if tier.above_tokens <= tokens:
                merged.update(tier.rates)
        return merged


class Provider(msgspec.Struct, frozen=True, array_like=True):
    """One provider's models, and the names they answer to.

    `exact` are names as they stand; a name of `stems` may be followed by a date or version (see `spelling`).
    `fallbacks` are the providers whose models this one serves at the same price.
    """

    models: dict[str, tuple[Row, ...]]
    exact: dict[str, str]
    stems: dict[str, str]
    fallbacks: tuple[str, ...] = ()


class Multiplier(msgspec.Struct, frozen=True, array_like=True):
    """A factor on the rates of some kinds that a provider applies in a context, such as a region.

    `models` and the values of `when` are glob patterns; a value that starts with `!` excludes. `unless_variant`: only
    where the model has no variant of its own for that context.
    """

    providers: tuple[str, ...]
    when: dict[str, str]
    numerator: int
    denominator: int
    models: tuple[str, ...] = ("*",)
    from_us: int | None = None
    until_us: int | None = None
    unless_variant: bool = False
    kinds: tuple[str, ...] = tuple(TOKEN_KINDS)


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """All providers; each stays packed until the first call that needs it."""

    format: int = FORMAT
    version: str
    """Date and digest of the content: `2026-11-22.1a2b3c4d`."""
    source: str
    providers: dict[str, msgspec.Raw]
    multipliers: tuple[Multiplier, ...] = ()

    def provider(self, name: str) -> Provider | None:
        """Unpack one provider; None when the table has none of that name.

        Raises:
            UnreadableTableError: The provider's part is damaged.
        """
        packed = self.providers.get(name)
        try:
            return None if packed is None else msgspec.msgpack.decode(packed, type=Provider)
        except msgspec.DecodeError as error:
            raise UnreadableTableError(f"a damaged price table, at {name}: {error}") from error


def build_table(
    date: str, source: str, providers: Mapping[str, Provider], multipliers: Sequence[Multiplier]
) -> Table:
    """Pack a table; the same content gives the same bytes, and so the same version."""
    encoder = msgspec.msgpack.Encoder(order="deterministic")
    packed = {name: msgspec.Raw(encoder.encode(providers[name])) for name in sorted(providers)}
    digest = hashlib.sha256(encoder.encode((source, packed, tuple(multipliers)))).hexdigest()[:8]
    return Table(version=f"{date}.{digest}", source=source, providers=packed, multipliers=tuple(multipliers))


def encode_table(table: Table) -> bytes:
    """Return the table as the bytes of its file."""
    return _MAGIC + zlib.compress(msgspec.msgpack.encode(table), 9)


def decode_table(data: bytes) -> Table:
    """Read the bytes of a file.

    Raises:
        UnreadableTableError: They are no table, or one of a newer format.
    """
    if not data.startswith(_MAGIC):
        raise UnreadableTableError("not a price table of this version")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(data[len(_MAGIC) :], _LIMIT_BYTES)
        table = msgspec.msgpack.decode(content, type=Table)
    except (zlib.error, msgspec.DecodeError) as error:
        raise UnreadableTableError(f"a damaged price table: {error}") from error
    if table.format != FORMAT:
        raise UnreadableTableError(f"a price table of format {table.format}, this version reads {FORMAT}")
    return table


def shipped_table() -> Table:
    """Read the table that came with the package."""
    return decode_table((Path(__file__).parent / "data" / "prices.bin").read_bytes())
