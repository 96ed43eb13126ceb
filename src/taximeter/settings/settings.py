"""Settings: every value in force and where it came from; argument before environment before file."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import msgspec

from taximeter.errors import ConfigurationError, one_of
from taximeter.settings.file import File, find_file, read_file
from taximeter.settings.kind import Where
from taximeter.settings.setting import PREFIX, Setting
from taximeter.settings.shown import NOT_SHOWN, shown
from taximeter.settings.table import BY_NAME, OTHER_VARIABLES, SECTIONS, SETTINGS

SectionT = TypeVar("SectionT")

_FILE_VARIABLE = "TAXIMETER_CONFIG"
# Kubernetes tells each container of the services of its namespace: one named taximeter looks like settings of ours.
_SERVICE_LINK = re.compile(r"TAXIMETER_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT|PORT)(?:_\w+)?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_NOT_FOR_START = frozenset({"store", "tz", "retention", "content_retention", "token"})


class Found(msgspec.Struct, frozen=True):
    """A value and where it came from.

    `where` is the variable of the environment, or the file and the key in it; None for a default.
    """

    value: Any
    source: Literal["environment", "file", "default"] = "default"
    where: str | None = None


class Settings(msgspec.Struct, frozen=True):
    """What file and environment say, checked; `settings["tz"]` is a value, `settings.found["tz"]` its origin too."""

    found: dict[str, Found]
    file: Path | None = None
    """The file that was read; None where there is none."""
    sections: dict[str, Any] = {}
    """Tables of the file that other rooms read, see `section`."""

    @classmethod
    def load(
        cls,
        file: str | os.PathLike[str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Read the settings.

        Args:
            file: The file; None takes that which TAXIMETER_CONFIG names, else `taximeter.toml`, or a `pyproject.toml`
                with a table `[tool.taximeter]`, looked for from *folder* upwards.
            environment: The variables; None means those of this process.
            folder: Where to begin looking; None means the current folder.

        Raises:
            ConfigurationError: A key, a type or a value that cannot be; names where it stands, what is allowed and the
                nearest name that there is.
        """
        variables = os.environ if environment is None else environment
        named = file or variables.get(_FILE_VARIABLE)
        source = read_file(Path(named)) if named else find_file(_beginning(folder))
        found = {setting.name: Found(setting.default) for setting in SETTINGS}
        if source is not None:
            found |= _from_file(source)
        found |= _from_environment(variables)
        content = {} if source is None else source.content
        sections = {name: content[name] for name in SECTIONS if name in content}
        return cls(found, None if source is None else source.path, sections)

    def __getitem__(self, name: str) -> Any:
        return self.found[name].value

    def stated(self) -> dict[str, Any]:
        """Return the values that somebody has set, by name."""
        return {name: each.value for name, each in self.found.items() if each.source != "default"}

    def options(self) -> dict[str, Any]:
        """Return what of these is for `taximeter.start`, the sinks and prices among them."""
        return {name: value for name, value in self.stated().items() if name not in _NOT_FOR_START}

    def section(self, name: str, kind: type[SectionT]) -> SectionT | None:
        """Return a section of the file as *kind*, which says what may stand there; None where there is none.

        Args:
            name: A key of `table.SECTIONS`.
            kind: A msgspec type, such as `list[Budget]`.

        Raises:
            ConfigurationError: It is something else; names the file and the key.
        """
        if name not in self.sections:
            return None
        try:
            return msgspec.convert(self.sections[name], kind)
        except msgspec.ValidationError as error:
            value = shown(self.sections[name], name)
            raise ConfigurationError(name, value, f"otherwise: {error}", where=str(self.file)) from error

    def shown(self, name: str) -> Any:
        """Return a value as it may be shown: a secret is not."""
        value = self[name]
        return NOT_SHOWN if BY_NAME[name].environment_only and value is not None else shown(value)


def _from_file(source: File) -> dict[str, Found]:
    found = {}
    for key, value in source.content.items():
        if key in SECTIONS:
            continue
        if (setting := BY_NAME.get(key)) is None:
            names = (*BY_NAME, *SECTIONS)
            raise ConfigurationError(key, _unnamed(value), one_of(key, names), where=source.where)
        if setting.environment_only:
            allowed = f"in the environment as {setting.variable}, and not in a file"
            raise ConfigurationError(key, NOT_SHOWN, allowed, where=source.where)
        folder = source.path.absolute().parent
        made = _in_folder(_made(setting, value, key, source.where), setting, folder, key, source.where)
        found[key] = Found(made, "file", f"{source.path}: {key}")
    return found


def _from_environment(variables: Mapping[str, str]) -> dict[str, Found]:
    """Read the variables; an empty one counts as not set."""
    by_variable = {setting.variable: setting for setting in SETTINGS}
    found = {}
    for variable, text in variables.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES or not text:
            continue
        if (setting := by_variable.get(variable)) is None:
            if _SERVICE_LINK.fullmatch(variable):
                continue
            names = (*by_variable, _FILE_VARIABLE)
            raise ConfigurationError(variable, NOT_SHOWN, one_of(variable, names), where="environment")
        made = _in_folder(_parsed(setting, text), setting, Path(), variable, "environment")
        found[setting.name] = Found(made, "environment", variable)
    return found


def _parsed(setting: Setting, text: str) -> Any:
    try:
        value = setting.kind.parse(text)
    except (ValueError, RecursionError) as error:  # the latter of JSON in JSON in JSON ...
        raise _wrong(setting, text, setting.variable, "environment") from error
    return _made(setting, value, setting.variable, "environment")


def _made(setting: Setting, value: Any, key: str, where: str) -> Any:
    """Return the value, checked in its kind and beyond."""
    try:
        made = setting.kind.read(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(setting, value, key, where) from error
    try:
        if setting.check is not None:
            setting.check(made)
    except ConfigurationError as error:
        raise ConfigurationError(key, shown(error.value, setting.name), error.allowed, where=where) from error
    return made


def _wrong(setting: Setting, value: Any, key: str, where: str) -> ConfigurationError:
    value = NOT_SHOWN if setting.environment_only else shown(value, setting.name)
    allowed = setting.kind.allowed
    if setting.kind.words and isinstance(value, str):
        allowed = one_of(value, setting.kind.words)
    return ConfigurationError(key, value, allowed, where=where)


def _unnamed(value: Any) -> Any:
    """Return what stands under a name that there is not: a text may be the secret of a name that is misspelt."""
    return value if isinstance(value, bool | int | float) else NOT_SHOWN


def _beginning(folder: str | os.PathLike[str] | None) -> Path:
    """Return where to begin looking for a file.

    Raises:
        ConfigurationError: It is the current folder, and somebody has removed that.
    """
    try:
        return Path(folder or Path.cwd()).absolute()
    except OSError as error:
        raise ConfigurationError("config", "the current folder", "in a folder that exists") from error


def _in_folder(value: Any, setting: Setting, folder: Path, key: str, where: str) -> Any:
    """Return paths as seen from a folder, that of the file wherever the program runs; `~` is the user's own."""
    if setting.kind.where is Where.NOTHING:
        return value
    try:
        if isinstance(value, list):
            return [_placed(each, setting.kind.where, folder) for each in value]
        return _placed(value, setting.kind.where, folder)
    except RuntimeError as error:  # the ~ of a user that there is not
        raise ConfigurationError(
            key, shown(value), "of a user that there is, after ~", where=where
        ) from error


def _placed(text: str, where: Where, folder: Path) -> str:
    return text if where is Where.SINK and _SCHEME.match(text) else str(folder / Path(text).expanduser())
