"""A run that is killed while it saves, or gets no more room or memory: the old file is whole, the new one is none."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import linregions
from linregions.cli import main

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere there are no such limits")

KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
import linregions as lr
from linregions._support.tables import read_json, read_table, write_json, write_table

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
networks = [lr.random_network([64, 100, 100, 10], k) for k in range(2)]
rows = [[{"k": k, "x": 0.5 * k + i} for i in range(2_000)] for k in range(2)]

def save(k):
    networks[k].save(folder / "net.npz")
    write_json(folder / "made.json", {"rows": rows[k]})
    write_table(folder / "rows.csv", rows[k])

def read():
    network = lr.Network.load(folder / "net.npz")
    which = [int(np.array_equal(network.layers[0].weight, networks[1].layers[0].weight))]
    assert np.array_equal(network.layers[0].weight, networks[which[0]].layers[0].weight)
    for found in (read_json(folder / "made.json")["rows"], read_table(folder / "rows.csv")):
        assert found in rows
        which.append(rows.index(found))
    return tuple(which)

save(0)
seen, halves = set(), 0
for _ in range(int(sys.argv[3])):
    child = os.fork()
    if not child:
        k = 0
        while True:
            k = 1 - k
            save(k)
    time.sleep(rng.uniform(0.0, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    seen.add(read())
    halves += any(path.name.startswith(".") for path in folder.iterdir())
print(len(seen), halves)
"""


def test_what_is_killed_while_it_saves_leaves_the_old_file_whole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), "0", "40"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    seen, halves = map(int, done.stdout.split())
    assert halves > 0, "none was killed in the middle"
    assert seen > 1
    names = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert names - {"rows.parquet"} == {"net.npz", "made.json", "rows.csv"}
    linregions.random_network([2, 2], 0).save(tmp_path / "another.npz")  # the next to write clears up
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


LIMITED = """
import resource, sys
from pathlib import Path
import linregions as lr
from linregions.errors import LinRegionsError

folder, what = Path(sys.argv[1]), sys.argv[2]
small, large = lr.random_network([2, 8, 1], 0), lr.random_network([400, 400, 400, 1], 0)
plane = lr.random_network([2, 64, 64, 64, 64, 1], 0, bias_variance=0.1)
window = lr.PlaneWindow.of_inputs([-50, -50], [50, 50])
lr.partition(small, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
lr.partition(small, lr.Segment([-1, -1], [1, 1]))
small.save(folder / "net.npz")
large.save(folder / "large.npz")
segments = [lr.Segment([-50, k], [50, 1.0]) for k in range(20_000)]
if what == "room":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
else:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20),) * 2)
tasks = {
    "room": lambda: large.save(folder / "net.npz"),
    "memory to load": lambda: lr.Network.load(folder / "large.npz"),
    "memory for a plane": lambda: lr.partition(plane, window),
    "memory for lines": lambda: lr.partition(plane, segments),
}
try:
    tasks[what]()
    print("done")
except LinRegionsError as error:
    print(type(error).__name__, error)
print(lr.Network.load(folder / "net.npz").widths, sorted(path.name for path in folder.iterdir()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there is memory limited so")
@pytest.mark.parametrize(
    ("what", "told"),
    [
        (
            "room",
            r"InvalidValueError `path` is '.*net.npz', which cannot be written \(File too large\), but Network.save ",
        ),
        (
            "memory to load",
            r"MemoryLimitError `path` is '.*large.npz', for which the process got no more memory, but N",
        ),
        (
            "memory for a plane",
            r"MemoryLimitError `memory_limit` is None, but the process got no more memory.* partition",
        ),
        (
            "memory for lines",
            r"MemoryLimitError `memory_limit` is None, but the process got no more memory.* partition",
        ),
    ],
)
def test_a_hard_limit_is_one_clear_error(what: str, told: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), what], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert re.match(told, first), first
    assert last == "(2, 8, 1) ['large.npz', 'net.npz']"


WRITERS = {"write_text", "write_bytes", "tofile", "savez", "savez_compressed", "write_table", "write_archive"}
#: Functions that are given a temporary name, and `write_table` of tables.py, which makes one itself.
GIVEN = {"_write", "write_archive", "_write_npz", "_write_parquet"}
#: Writes for a package that is being built, nothing that a user has.
BUILDING = {"prebuilt.py"}


def test_there_is_no_other_way_to_write_a_file() -> None:
    """Every call that writes stands in a ``with replacing(...)``, or in a function that one there calls."""
    found = []
    for path in sorted(Path(linregions.__file__).parent.rglob("*.py")):
        if path.name in BUILDING:
            continue
        found += [f"{path.name}:{line}" for line in _strays(ast.parse(path.read_text(encoding="utf-8")))]
    assert found == []
    assert list(
        _strays(ast.parse("def f():\n    with replacing(a):\n        open(b, 'wb')\n    open(c, mode='a')"))
    ) == [4]
    assert list(_strays(ast.parse("np.savez(a)\npath.write_text(b)\nopen(c)"))) == [1, 2]


def _strays(node: ast.AST, whole: bool = False) -> list[int]:
    """Return the lines of calls that write a file of another name than a temporary one."""
    if isinstance(node, ast.With):
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        whole |= any(isinstance(call.func, ast.Name) and call.func.id == "replacing" for call in calls)
    if isinstance(node, ast.FunctionDef) and node.name in GIVEN:
        whole = True
    found = [node.lineno] if isinstance(node, ast.Call) and _writes(node) and not whole else []
    for child in ast.iter_child_nodes(node):
        found += _strays(child, whole)
    return found


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in {"open", "ZipFile"}:
        modes = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "mode")]
        return any(isinstance(mode, ast.Constant) and set("wax") & set(str(mode.value)) for mode in modes)
    # Our own `write_table` makes a name itself; that of pyarrow is an attribute of its module.
    return name in WRITERS and not (name == "write_table" and isinstance(call.func, ast.Name))


@pytest.mark.parametrize(("error", "told"), [(MemoryError(), ""), (MemoryError("Unable\nto allocate"), " (Unable to")])
def test_a_command_without_memory_says_so_in_a_line(
    error: MemoryError, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr("linregions.cli.info.run", fail)
    assert main(["info", "model.npz"]) == 2
    text = capsys.readouterr().err
    assert text.startswith(f"linregions: error: the process got no more memory{told}")
    assert text.endswith("; raise its limit (`ulimit -v`) or free some\n")
