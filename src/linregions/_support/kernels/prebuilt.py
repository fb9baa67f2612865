"""Kernels that were compiled when the package was built, for common processors: the first call need not wait.

They lie in a folder of the package, one for each Python, numba, system and kind of processor. A file is named by all
that the compiled code follows from, so that none is ever used for other sources; whatever is not there is compiled.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding
from numba.core.serialize import dumps

#: Where a process keeps what it compiles for other machines: a folder that will become `data/kernels` of a package.
RECORDING = "LINREGIONS_PREBUILD"

# What kernels are compiled for, by the machine: names of processors, the best first, and what one must be able to do to
# run such code. With vectors half as long, lines take up to half as long again.
_OLDER = {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt"}
_TARGETS: dict[str, dict[str, set[str]]] = {
    "x86_64": {
        "x86-64-v4": _OLDER | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
        "x86-64-v3": _OLDER,
    },
    "arm64": {"generic": set()},
}
_OTHER_NAMES = {"amd64": "x86_64", "aarch64": "arm64"}


def targets() -> list[str]:
    """Return the kinds of processor that kernels are built for and that this one is of, the best first."""
    machine = platform.machine().lower()
    features = binding.get_host_cpu_features()
    kinds = _TARGETS.get(_OTHER_NAMES.get(machine, machine), {})
    return [name for name, needed in kinds.items() if all(features.get(each) for each in needed)]


@cache
def _folder() -> Path | None:
    """Return the folder with the best kernels that this processor can run, or None."""
    package = Path(__file__).parents[2] / "data" / "kernels"
    if not package.is_dir():
        return None
    folders = (package / _name_of_folder(name) for name in targets())
    return next((folder for folder in folders if folder.is_dir()), None)


def _name_of_folder(processor: str) -> str:
    python = f"{sys.implementation.cache_tag}-numba-{numba.__version__}"
    return f"{python}-{binding.get_process_triple()}-{processor}"


def _file(function: Any, key: tuple[Any, ...]) -> str:
    """Return the name of the file for a function, by what numba and we know of its signature and sources."""
    signature, _, code, sources = key  # without the processor, which the folder names
    digest = hashlib.sha256(repr((signature, code, sources)).encode()).hexdigest()[:24]
    return f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}-{digest}.kernel"


def load(function: Any, key: tuple[Any, ...]) -> Any:
    """Return what was kept of a function when the package was built, None if nothing that fits."""
    folder = _folder()
    if folder is None:
        return None
    try:
        return pickle.loads((folder / _file(function, key)).read_bytes())
    except FileNotFoundError:
        return None


def record(function: Any, key: tuple[Any, ...], data: Any) -> None:
    """Keep what was compiled, if this process builds a package."""
    chosen = os.environ.get(RECORDING)
    if not chosen:
        return
    folder = Path(chosen) / _name_of_folder(str(numba.config.CPU_NAME))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _file(function, key)).write_bytes(dumps(data))
