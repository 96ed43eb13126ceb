"""Settings from one file and the environment, for those who start programs rather than write them."""

from taximeter.settings.settings import Found, Settings

__all__ = ["Found", "Settings"]
