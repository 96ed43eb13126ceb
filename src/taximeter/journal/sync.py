"""Sync: which level an event reaches on its way into the journal."""

from enum import StrEnum


class Sync(StrEnum):
    """What has happened to an event once the journal has taken it in."""

    ACCEPTED = "accepted"
    """It is written with its batch, up to `batch_max_age_s` later."""
    JOURNALED = "journaled"
    """It is written within 50 ms: it outlives its process."""
    DURABLE = "durable"
    """It is written and synced within 50 ms: it outlives a power cut."""
