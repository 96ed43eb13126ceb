"""Vacuum: gives the space of what was deleted back to the disk."""

from pathlib import Path

from taximeter.store.upkeep import opened_for_upkeep, size_of


def vacuum_store(path: Path) -> tuple[int, int]:
    """Write a store anew without gaps, and return its size in bytes before and after.

    Writers wait for it; the disk needs room for the store once more meanwhile.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store, the disk is full, or somebody else writes it without a pause.
    """
    before = size_of(path) if path.is_file() else 0
    with opened_for_upkeep(path) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, size_of(path)
