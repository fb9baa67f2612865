"""The cache of compiled kernels on disk."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linregions.kernels import compiled

SOURCE = """
from linregions.kernels.compiled import compiled

@compiled()
def doubled(x):
    return 2 * x
"""


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a module with a kernel anew, as another process would."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "kernel_of_a_test.py"
    path.write_text(SOURCE)

    def load() -> Any:
        spec = importlib.util.spec_from_file_location("kernel_of_a_test", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.doubled(21) == 42
        stats = module.doubled.stats
        return sum(stats.cache_hits.values()), sum(stats.cache_misses.values())

    return load


def test_a_kernel_is_compiled_once(fresh: Any) -> None:
    assert fresh() == (0, 1)
    assert fresh() == (1, 0)


def test_a_kernel_is_forgotten_when_another_changes(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fresh() == (0, 1)
    now = compiled._sources()
    monkeypatch.setattr(compiled, "_sources", lambda: "other kernels")
    assert fresh() == (0, 1)
    assert fresh() == (1, 0)
    monkeypatch.setattr(compiled, "_sources", lambda: now)
    assert fresh() == (1, 0)


def test_the_key_tells_every_change_of_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kernels"
    here = Path(compiled.__file__).parent
    shutil.copytree(here, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(compiled, "__file__", str(folder / "compiled.py"))
    sources = compiled._sources.__wrapped__
    seen = {sources()}
    assert seen == {compiled._sources()}
    for file in sorted(folder.glob("*.py")):
        file.write_text(file.read_text() + "\n# changed\n")
        seen.add(sources())
    assert len(seen) == 1 + len(list(folder.glob("*.py")))
    (folder / "bits.py").rename(folder / "bytes.py")
    assert sources() not in seen
    before = sources()
    os.utime(folder / "bytes.py", (0, 0))
    (folder / "notes.txt").write_text("no kernel")
    assert sources() == before


def test_options_of_the_compiler_are_those_of_numba() -> None:
    """Ours compare without asking each property, and must tell and hash the same."""
    from numba.core.compiler import Flags

    theirs = Flags()
    for name, value in (("nrt", True), ("error_model", "numpy"), ("fastmath", {"contract"}), ("forceinline", True)):
        before = compiled._Flags(theirs)
        setattr(theirs, name, value)
        ours = compiled._Flags(theirs)
        assert ours.values() == Flags.values(ours) == theirs.values()
        assert ours == theirs == ours.copy() != before
        assert hash(ours) == hash(theirs) == hash(ours.copy())
        assert type(ours.copy()) is compiled._Flags


def test_without_compilation() -> None:
    """NUMBA_DISABLE_JIT leaves the kernels that use no vectors callable, for debuggers and coverage."""
    code = """
import numpy as np
from linregions.kernels.assembly import chain_runs
from linregions.kernels.restriction import dots
assert not hasattr(chain_runs, "py_func")
runs = np.zeros((2, 5), dtype=np.int64)
assert chain_runs(np.array([4, 4, 2, 2, 2], dtype=np.int32), np.array([2, 4, 5]), runs) == 3
assert runs[:, :3].tolist() == [[4, 2, 2], [2, 2, 1]]
high, low = np.zeros((1, 1)), np.zeros((1, 1))
dots(np.array([[0.1], [3.0]]), np.array([[10.0, 1.0]]), high, low)
assert high[0, 0] == 4.0 and low[0, 0] != 0.0
"""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_same_without_the_cache() -> None:
    from linregions.kernels.assembly import chain_runs

    runs = np.zeros((2, 5), dtype=np.int64)
    assert chain_runs(np.array([4, 4, 2, 2, 2], dtype=np.int32), np.array([2, 4, 5]), runs) == 3
    assert runs[:, :3].tolist() == [[4, 2, 2], [2, 2, 1]]
