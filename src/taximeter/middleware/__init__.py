"""Around objects of the application's own that call models: each call of theirs becomes one event."""

from taximeter.middleware.metered import Metered

__all__ = ["Metered"]
