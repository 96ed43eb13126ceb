"""Writes docs/reference/configuration.md from the table of settings.

Run as `python tools/settings_reference.py > docs/reference/configuration.md`.
"""

import json
from collections.abc import Iterator
from itertools import groupby

from taximeter.settings.setting import Setting
from taximeter.settings.table import OTHER_VARIABLES, SECTIONS, SETTINGS

_HEAD = """# Configuration

Written by `tools/settings_reference.py` from the table of settings. [Configure](../how-to/configure.md) says how to use it;
`taximeter config` shows the values in force, and ends with an error where a program could not start with them.

A setting has one name: `max_events` as an argument and in a file, `TAXIMETER_MAX_EVENTS` in the environment. An argument is
stronger than the environment, which is stronger than the file.

## Where it is read from

- **The file** is `taximeter.toml`, or the table `[tool.taximeter]` of a `pyproject.toml`. It is looked for in the current
  folder and then in each folder above, to the root; in one folder `taximeter.toml` comes first, and a `pyproject.toml`
  without the table does not count. The first one found is the only one read. One that belongs to another user, or that
  everybody may write, is an error, because it may name code to run; name it in `TAXIMETER_CONFIG` to trust it.
- **Paths** in a file are seen from its folder, those in the environment from the current one.
- **In the environment**, lists are separated by commas or written as JSON, tables are `name=value,name=value` or JSON,
  truth is `true`, `yes`, `on` or `1`, and a variable that is empty counts as not set.
- **A wrong name**, type or value is an error that names where it stands, what is allowed, and the nearest name. Variables that
  Kubernetes makes for a service called taximeter (`TAXIMETER_SERVICE_HOST`, `TAXIMETER_PORT_80_TCP`) are passed over.
"""


def main() -> None:
    """Print the page."""
    print(_HEAD)
    for heading, settings in groupby(SETTINGS, key=lambda setting: setting.group):
        print(f"## {heading}\n\n| setting | value | default | meaning |\n|---|---|---|---|")
        print("\n".join(map(_row, settings)), end="\n\n")
    print("\n".join(_rest()))


def _row(setting: Setting) -> str:
    name = setting.variable if setting.environment_only else setting.name
    return f"| `{name}` | {setting.kind.word} | {_default(setting)} | {setting.doc} |"


def _default(setting: Setting) -> str:
    if setting.default_doc is not None:
        return setting.default_doc
    if setting.default is None:
        return "none"
    if isinstance(setting.default, str):
        return f"`{setting.default}`"
    return f"`{json.dumps(setting.default)}`"


def _rest() -> Iterator[str]:
    yield "## Sections\n\n| table | meaning |\n|---|---|"
    yield from (f"| `{name}` | {doc} |" for name, doc in SECTIONS.items())
    yield "\n## Other variables\n\n| variable | meaning |\n|---|---|"
    yield from (f"| `{name}` | {doc} |" for name, doc in OTHER_VARIABLES.items())


if __name__ == "__main__":
    main()
