"""Import hook: does something once a module has been imported, without importing it.

Loaded at the start of every Python process of a metered program, so it imports nothing that is not loaded by then.
"""

import sys

TYPE_CHECKING = False  # as in typing, which takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


def when_imported(names: "Sequence[str]", act: "Callable[[ModuleType], None]") -> "Callable[[], None]":
    """Call *act* with each module of *names*: at once where it is imported already, else right after it is.

    Returns:
        A function that stops waiting for those still to come.
    """
    finder = _Finder({name for name in names if name not in sys.modules}, act)
    sys.meta_path.insert(0, finder)
    for name in names:
        if name in sys.modules:
            act(sys.modules[name])
    return finder.remove


class _Finder:
    """Finds the awaited modules as the others would, and puts a loader in between."""

    def __init__(self, awaited: "set[str]", act: "Callable[[ModuleType], None]") -> None:
        self._awaited = awaited
        self._act = act

    def find_spec(
        self, fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if fullname not in self._awaited:
            return None
        for finder in [finder for finder in sys.meta_path if finder is not self]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _ActingLoader(spec.loader, self._done)  # type: ignore[assignment]  # a loader by its methods
                return spec
        return None

    def _done(self, module: "ModuleType") -> None:
        self._awaited.discard(module.__name__)
        self._act(module)

    def remove(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)


class _ActingLoader:
    """Loads like *loader*, steps out of the way and then acts."""

    def __init__(self, loader: "Any", act: "Callable[[ModuleType], None]") -> None:
        self._loader = loader
        self._act = act

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: "ModuleType") -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._act(module)

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)
