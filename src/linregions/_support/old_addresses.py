"""Modules that have moved, still found where they were."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Moved(Loader):
    """Gives the module of another address, and says so."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.new)
        self.spec = module.__spec__
        warnings.warn(
            f"{self.old} has moved: import {self.new} instead. The old address goes with version 0.2.",
            DeprecationWarning,
            stacklevel=2,
        )
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # which the import system has just replaced by that of the old address


class OldAddresses(MetaPathFinder):
    """Finds modules at their old addresses, as a table tells: full old name -> full new name."""

    def __init__(self, moved: Mapping[str, str]) -> None:
        self.moved = moved

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is, if it is one that has moved."""
        if fullname not in self.moved:
            return None
        return ModuleSpec(fullname, _Moved(fullname, self.moved[fullname]))

    def install(self) -> None:
        """Be asked for modules that nobody else finds."""
        sys.meta_path.append(self)
