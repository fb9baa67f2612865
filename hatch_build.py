"""Compile the kernels that first calls use while a wheel is built, so that nobody's first picture waits for them.

Set LINREGIONS_PREBUILT to ``all`` for every kernel, as for a release, or to ``none``. What is compiled serves the
Python, numba and system of the build, and one kind of processor; everywhere else kernels are compiled at first use.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FIRST, _ALL, _NONE = "first", "all", "none"


class KernelsHook(BuildHookInterface[Any]):
    """Put compiled kernels into a wheel."""

    PLUGIN_NAME = "custom"

    def _is_wanted(self) -> bool:
        return self.target_name == "wheel" and os.environ.get("LINREGIONS_PREBUILT", _FIRST) != _NONE

    def dependencies(self) -> list[str]:
        """Return what runs the package, which compiling needs."""
        if not self._is_wanted():
            return []
        project = tomllib.loads((Path(self.root) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return [*project["dependencies"], "scipy>=1.11"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the package is only linked to (an editable installation)."""
        if version == "editable" or not self._is_wanted():
            return
        source = Path(self.root) / "src"
        self._folder = tempfile.TemporaryDirectory()
        kept = Path(self._folder.name)
        sys.path.insert(0, str(source))
        try:
            from linregions._support.kernels.prebuilt import RECORDING, targets
        except ImportError as error:  # e.g. without build isolation
            self.app.display_warning(f"no kernels are compiled, since {error.name} cannot be imported")
            return
        finally:
            sys.path.remove(str(source))
        is_release = os.environ.get("LINREGIONS_PREBUILT") == _ALL
        self.app.display_waiting("compiling kernels (about a minute)")
        for processor in targets() if is_release else targets()[:1]:
            settings = {
                "PYTHONPATH": os.pathsep.join([str(source), *filter(None, sys.path)]),
                "NUMBA_CACHE_DIR": str(kept / processor),
                "NUMBA_CPU_NAME": processor,
                "NUMBA_CPU_FEATURES": "",
                RECORDING: str(kept / "kernels"),
            }
            command = [sys.executable, "-m", "linregions", "warmup", "--quiet", *([] if is_release else ["--first"])]
            done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
            if done.returncode:
                self.app.display_warning(f"kernels are not compiled, and will be at first use: {done.stderr[-2000:]}")
                return
        if (kept / "kernels").is_dir():
            build_data["force_include"][str(kept / "kernels")] = "linregions/data/kernels"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what the wheel has got."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()
