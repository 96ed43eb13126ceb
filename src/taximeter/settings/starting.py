"""Starting: a tracker as file and environment want it, where the program does not say otherwise."""

import os
from typing import Any

from taximeter.journal.options import journal_options
from taximeter.settings.settings import Settings
from taximeter.sinks.protocol import Sink
from taximeter.tracker import Tracker, start


def start_configured(
    *sinks: "str | os.PathLike[str] | Sink",
    config: "str | os.PathLike[str] | Settings | None" = None,
    **options: Any,
) -> Tracker:
    """Return a tracker with the settings of environment and file, and over them the arguments given here.

    `start` itself reads neither: what a program writes down is all there is. This is for programs that leave it to
    those who run them.

    Args:
        sinks: As of `start`; any at all replace those of the settings.
        config: The file, or settings that were loaded already; None lets `Settings.load` look for it.
        options: As of `start`.

    Raises:
        ConfigurationError: A setting or an option that cannot work.
    """
    settings = config if isinstance(config, Settings) else Settings.load(config)
    budgets = settings.sections.get("budgets")
    limited = {} if budgets is None else {"budgets": budgets}
    chosen = {**settings.options(), **limited, **options}
    configured = chosen.pop("sinks", ())
    return start(*(sinks or configured), **chosen)


def check_configured(settings: Settings) -> None:
    """See whether `start_configured` would start with these settings; nothing is opened and nothing runs.

    Raises:
        ConfigurationError: A setting that cannot work here.
    """
    options = settings.options()
    journal_options(
        options.get("journal"),
        options.get("sync", "journaled"),
        write_through=options.get("write_through", False),
        carry=options.get("carry", True),
    )
    # With its journal the tracker would begin to deliver what another process has left there.
    start_configured(config=settings, journal=None, sync="journaled", write_through=False, carry=True).close()
