"""The cache of compiled kernels on disk."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from numba import typeof

from linregions._support.kernels import compiled, prebuilt
from linregions.errors import UncachedKernelsWarning
from linregions.regions.lines.kernels.cuts import _sort_by

SOURCE = """
from linregions._support.kernels.compiled import compiled

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


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a kernel compiled as for a package, and give the folder that it is in; the cache is empty again."""
    monkeypatch.setenv(prebuilt.RECORDING, str(tmp_path / "built"))
    return tmp_path / "built"


def _forget(folder: Path) -> None:
    shutil.rmtree(folder.parent / "cache")


def test_a_kernel_comes_with_the_package(fresh: Any, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fresh() == (0, 1)
    (folder,) = package.iterdir()
    (kernel,) = folder.iterdir()
    monkeypatch.delenv(prebuilt.RECORDING)
    monkeypatch.setattr(prebuilt, "_folder", lambda: folder)
    _forget(package)
    assert fresh() == (1, 0), "it is taken"
    monkeypatch.setattr(compiled, "_sources", lambda: "other kernels")
    assert fresh() == (0, 1), "other sources, so it is compiled"
    monkeypatch.undo()
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(package.parent / "cache"))
    monkeypatch.setattr(prebuilt, "_folder", lambda: folder)
    _forget(package)
    kernel.write_bytes(kernel.read_bytes()[:100])
    assert fresh() == (0, 1), "half a file, so it is compiled"


def test_a_kernel_that_came_with_the_package_needs_no_folder(
    fresh: Any, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fresh() == (0, 1)
    (folder,) = package.iterdir()
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    compiled._warn_that_nothing_is_kept.cache_clear()
    with pytest.warns(UncachedKernelsWarning):
        assert fresh() == (0, 1)
    monkeypatch.setattr(prebuilt, "_folder", lambda: folder)
    assert fresh() == (1, 0)


def test_kernels_are_built_for_processors_that_can_run_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def names(machine: str, features: set[str]) -> list[str]:
        monkeypatch.setattr("platform.machine", lambda: machine)
        monkeypatch.setattr(prebuilt.binding, "get_host_cpu_features", lambda: dict.fromkeys(features, True))
        return prebuilt.targets()

    older = {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt"}
    assert names("AMD64", older) == ["x86-64-v3"]
    assert names("x86_64", older | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})[0] == "x86-64-v4"
    assert names("x86_64", older - {"fma"}) == []
    assert names("aarch64", set()) == ["generic"]
    assert names("riscv64", older) == []


def test_a_kernel_is_forgotten_when_another_changes(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fresh() == (0, 1)
    now = compiled._sources()
    monkeypatch.setattr(compiled, "_sources", lambda: "other kernels")
    assert fresh() == (0, 1)
    assert fresh() == (1, 0)
    monkeypatch.setattr(compiled, "_sources", lambda: now)
    assert fresh() == (1, 0)


OF_A_RECORD = """
from typing import NamedTuple
from linregions._support.kernels.compiled import compiled

class Pair(NamedTuple):
    a: int
    b: int

@compiled()
def total(pair):
    return pair.a + pair.b

made = total(Pair(40, 2))
"""


def test_records_may_get_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba's index of a function names the classes of its arguments: of an older version it cannot be read."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for name in ("Pair", "Pair", "Couple", "Couple"):
        (tmp_path / "records_of_a_test.py").write_text(OF_A_RECORD.replace("Pair", name))
        os.utime(tmp_path / "records_of_a_test.py", (1, 1))
        sys.modules.pop("records_of_a_test", None)  # as another process would
        importlib.invalidate_caches()
        records = importlib.import_module("records_of_a_test")
        found.append((records.made, records.total.stats.cache_hits.total()))
    assert found == [(42, 0), (42, 1), (42, 0), (42, 1)]
    del sys.modules["records_of_a_test"]


def test_the_key_tells_every_change_of_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "linregions"
    here = Path(compiled.__file__)
    shutil.copytree(here.parents[2], package, ignore=shutil.ignore_patterns("__pycache__", "data"))
    monkeypatch.setattr(compiled, "__file__", str(package / "_support" / "kernels" / here.name))
    sources = compiled._sources.__wrapped__
    seen = {sources()}
    assert seen == {compiled._sources()}
    made_of = [file for file in sorted(package.rglob("*.py")) if "@compiled(" in file.read_text()]
    assert len({file.parent for file in made_of}) >= 4  # kernels of several rooms
    for file in made_of:
        file.write_text(file.read_text() + "\n# changed\n")
        seen.add(sources())
    assert len(seen) == 1 + len(made_of)
    (package / "cli" / "plane.py").write_text("# changed\n")  # nothing that is compiled
    assert sources() in seen
    folder = package / "_support" / "kernels"
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
from linregions.regions.planes.kernels.assembly import chain_runs
from linregions.networks.kernels.dots import dots
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
    from linregions.regions.planes.kernels.assembly import chain_runs

    runs = np.zeros((2, 5), dtype=np.int64)
    assert chain_runs(np.array([4, 4, 2, 2, 2], dtype=np.int32), np.array([2, 4, 5]), runs) == 3
    assert runs[:, :3].tolist() == [[4, 2, 2], [2, 2, 1]]


UNWRITABLE = """
import os, sys, warnings
package = os.path.dirname(importlib.util.find_spec("linregions").origin)
ensure = numba.core.caching._CacheLocator.ensure_cache_path

def refuse_the_package(self):  # as a file system mounted read-only does; the tests may run as root
    if self.get_cache_path().startswith(package):
        raise OSError(30, "Read-only file system")
    ensure(self)

numba.core.caching._CacheLocator.ensure_cache_path = refuse_the_package
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    import linregions as lr
    from linregions._support.kernels import bits
    from linregions.networks.kernels import dense, products  # many kernels
    from linregions.regions.planes.kernels.assembly import chain_runs
    runs = numpy.zeros((2, 5), dtype=numpy.int64)
    print(chain_runs(numpy.array([4, 4, 2, 2, 2], dtype=numpy.int32), numpy.array([2, 4, 5]), runs), *runs[0, :3])
for warning in told:
    print(f"{warning.category.__name__}: {warning.message}")
"""


@pytest.mark.parametrize("home", ["/dev/null/x", None])
def test_no_writable_folder_for_the_cache(home: str | None, tmp_path: Path) -> None:
    code = "import importlib.util, numpy, numba.core.caching\n" + UNWRITABLE
    env = {key: value for key, value in os.environ.items() if key not in {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME"}}
    env["HOME"] = home or str(tmp_path)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    counted, *warnings = done.stdout.splitlines()
    assert counted == "3 4 2 2"
    if home is None:  # the user's own folder takes it
        assert not warnings
        assert list(tmp_path.rglob("*.nbi"))
    else:
        assert warnings == [
            "UncachedKernelsWarning: linregions compiles its kernels (half a minute or so) in every process anew, "
            "since no cache folder is writable. Set the environment variable NUMBA_CACHE_DIR to a folder that is."
        ]


@pytest.mark.parametrize("method", ["_save_index", "_load_index"])
def test_a_folder_that_no_longer_works(fresh: Any, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"numba.core.caching.IndexDataCacheFile.{method}", refuse)
    compiled._warn_that_nothing_is_kept.cache_clear()
    with pytest.warns(UncachedKernelsWarning, match=r"in every process anew, .* Set the environment variable NUMBA_C"):
        assert fresh() == (0, 1)


def test_a_kernel_of_one_type_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = compiled.OfOneType(_sort_by)
    for keys in ([3.0, 1.0, 2.0], [1.0, 3.0, 2.0]):
        order = np.arange(3)
        kernel(np.array(keys), order, 3)
        assert order.tolist() == np.argsort(keys).tolist()
        monkeypatch.setattr(kernel, "_function", None)
    with pytest.raises(TypeError):
        kernel("keys", order, 3)


@compiled.compiled()
def _first_of_last_row(table: np.ndarray) -> float:
    return float(table[table.shape[0] - 1, 0])


def test_a_kernel_of_one_type_never_misreads_an_array() -> None:
    kernel, table = compiled.OfOneType(_first_of_last_row), np.arange(12.0).reshape(3, 4)
    whole = np.repeat(table, 2, axis=1)
    for array in (table, np.asfortranarray(table), whole[:, ::2], table.astype(np.float32)):
        kernel.checks_records = False
        assert kernel(array) == 8.0
    kernel.checks_records = True
    with pytest.raises(TypeError, match="other types than in the first call"):
        kernel(whole[:, ::2])


class _Record(NamedTuple):
    """What a kernel is given."""

    table: np.ndarray
    more: tuple[np.ndarray, ...]
    number: int


def _recorded(table: np.ndarray, **changed: Any) -> _Record:
    return _Record(table, (np.zeros(2), np.zeros(2)), 1)._replace(**changed)


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def test_outlines_differ_where_the_types_of_numba_do() -> None:
    """They stand for them in all tests, since asking numba in each call took most of the time of many."""
    table = np.arange(12.0).reshape(3, 4)
    whole = np.zeros((4, 6))
    found = [
        *(_recorded(array) for array in (table, table.astype(np.float32), np.asfortranarray(table), table[0])),
        *(_recorded(array) for array in (whole[::2], whole.T[::2], _read_only(table.copy()), whole[1:], whole[:1].T)),
        _recorded(table, number=1.0),
        _recorded(table, number=True),
        *(_recorded(table, number=number) for number in (np.int32(1), np.int64(1), np.float64(1.0))),
        _recorded(table, more=(np.zeros(2), np.zeros(2, dtype=np.int64))),
        _recorded(table, more=(np.zeros(2),)),
        _recorded(table, more=(np.zeros(2), np.zeros(4)[::2])),
        _recorded(table),
        tuple(_recorded(table)),
        np.frombuffer(b"\0" * 17, dtype=np.float64, offset=1, count=2),  # not aligned
        np.zeros(2),
    ]
    for a in found:
        for b in found:
            assert (compiled._outline(a) == compiled._outline(b)) == (typeof(a) == typeof(b)), (typeof(a), typeof(b))
    assert len(set(map(typeof, found))) == 15
