"""Where events can be asked."""

from taximeter.store.async_store import AsyncStore
from taximeter.store.event_file import EventFile
from taximeter.store.failure import StoreError
from taximeter.store.opening import open_store
from taximeter.store.store import Store

__all__ = ["AsyncStore", "EventFile", "Store", "StoreError", "open_store"]
