"""Files damaged at random, in their bytes and in their structure, and what reads them.

Run it for longer with ``python tests/file_damage.py SEED COUNT``.
"""

from __future__ import annotations

import copy
import io
import json
import shutil
import struct
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import linregions as lr
from linregions._support.archives import CHECKSUM
from linregions._support.tables import read_json, read_points, read_table, write_json, write_table
from linregions.errors import LinRegionsError
from linregions.experiments.saved import load_saved
from linregions.experiments.settings import read_settings
from linregions.training.datasets import load_dataset

Arrays = dict[str, np.ndarray[Any, Any]]
NETWORK = lr.random_network([2, 5, 4, 2], 3, activation=[lr.RELU, lr.HARD_TANH], bias_variance=0.2)
WINDOW = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
DTYPES = ["i1", "u1", "i8", "u8", "f2", "f4", "f8", "c16", "?", "U9", "S3", "M8[s]", "i4,f4", ">i4"]
EXTREMES = [
    -1,
    -2,
    0,
    1,
    2,
    7,
    255,
    10**9,
    -(10**9),
    2**31,
    2**62,
    -(2**62),
    1e300,
    -1e300,
    np.nan,
    np.inf,
    -np.inf,
    0.5,
]
TEXTS = ["", "{", "null", "3", "[]", "[" * 100_000, '{"a":' * 5_000, "\0", "{}", "1" * 5_000, '{"a": 1e999}', "naïve"]


# Mutations -----------------------------------------------------------------------------------------------------------


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """Change bytes: some of them, or the length."""
    made = bytearray(content)
    kind = rng.integers(5)
    if not made:
        return b"x"
    if kind == 0:
        return content[: rng.integers(len(content))]
    if kind == 1:
        place = int(rng.integers(len(made)))
        made[place:place] = rng.bytes(int(rng.integers(1, 20)))
    elif kind == 2:
        low = int(rng.integers(len(made)))
        del made[low : low + int(rng.integers(1, 50))]
    else:
        for place in rng.integers(0, min(len(made), 200) if kind == 3 else len(made), int(rng.integers(1, 6))):
            made[place] = int(rng.integers(256))
    return bytes(made)


def change_array(array: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return an array of another type, shape or content."""
    kind = rng.integers(9)
    with np.errstate(all="ignore"):
        try:
            if kind == 0:
                return array.astype(DTYPES[rng.integers(len(DTYPES))])
            if kind == 1:
                shapes: list[tuple[int, ...]] = [(-1,), (1, -1), (-1, 1), (1, *array.shape), (*array.shape, 1), (2, -1)]
                return array.reshape(shapes[rng.integers(len(shapes))])
            if kind == 2:
                return array[: rng.integers(array.shape[0] + 1)]
            if kind == 3:
                return np.concatenate([array, array[: rng.integers(1, array.shape[0] + 1)]])
            if kind == 4:
                return array.T if rng.integers(2) else array[::-1]
            if kind == 5:
                return np.array(EXTREMES[rng.integers(len(EXTREMES))]).astype(array.dtype)
            if kind == 6:
                return np.array(TEXTS[rng.integers(len(TEXTS))])
            if kind == 7:
                return np.zeros((0, *array.shape[1:]), array.dtype)
            made = array.copy().ravel()
            places = rng.integers(0, made.size, int(rng.integers(1, 4)))
            value = EXTREMES[rng.integers(len(EXTREMES))]
            made[places] = np.array(value).astype(made.dtype) if rng.integers(2) else rng.permutation(made[places])
            return made.reshape(array.shape)
        except (ValueError, TypeError, IndexError, OverflowError):
            return np.array(TEXTS[rng.integers(len(TEXTS))])


def change_arrays(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    """Return arrays of which some are gone, changed or under other names."""
    made = dict(arrays)
    for _ in range(rng.integers(1, 4)):
        name = list(arrays)[rng.integers(len(arrays))]
        kind = rng.integers(8)
        if kind == 0:
            made.pop(name, None)
        elif kind == 1:
            made[name] = made.get(list(arrays)[rng.integers(len(arrays))], arrays[name])
        elif kind == 2:
            made[name + "x"] = made.pop(name, arrays[name])
        else:
            made[name] = change_array(made.get(name, arrays[name]), rng)
    return made


def change_json(content: Any, rng: np.random.Generator) -> Any:
    """Return JSON with something in it that is gone or of another kind."""
    content = copy.deepcopy(content)
    holder = content
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return content
        key = keys[rng.integers(len(keys))]
        if isinstance(holder[key], dict | list) and rng.integers(3):
            holder = holder[key]
            continue
        others: list[Any] = [None, [], {}, "", "x", "../x", True, [[]], {"a": []}, -1, 0.5, 10**30, float("nan")]
        if rng.integers(4) == 0:
            del holder[key]
        else:
            holder[key] = others[rng.integers(len(others))]
        return content


def change_text(text: str, rng: np.random.Generator) -> str:
    """Return text with other words in some of its lines."""
    lines = text.splitlines()
    words = [
        "nan",
        "",
        "x",
        "1e999",
        "1" * 5000,
        '"',
        ",,,",
        "\0",
        "-",
        "1_0",
        "[" * 3000,
        "'",
        "# x",
        "0x1",
        "a" * 200_000,
    ]
    for _ in range(rng.integers(1, 4)):
        place = rng.integers(len(lines))
        parts = lines[place].split(",")
        parts[rng.integers(len(parts))] = words[rng.integers(len(words))]
        lines[place] = ",".join(parts)
    return "\n".join(lines) + "\n"


def saved(arrays: Arrays) -> bytes:
    """Return arrays as an NPZ file."""
    made = io.BytesIO()
    np.savez(made, **arrays)  # type: ignore[arg-type]
    return made.getvalue()


def npy(array: np.ndarray[Any, Any]) -> bytes:
    """Return an array as an NPY file."""
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


def change_header(content: bytes, rng: np.random.Generator) -> bytes:
    """Return an NPY file with another header, which is a Python literal."""
    headers = [
        "(" * 500,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (10**9,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': 3, 'fortran_order': None, 'shape': 3}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3,",
        "\\",
        "{",
        "'''",
        "{'shape': " + "-" * 3000 + "1}",
    ]
    header = headers[rng.integers(len(headers))].encode("latin1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content[-24:]


# What reads them -----------------------------------------------------------------------------------------------------


def use_network(path: Path) -> None:
    network = lr.Network.load(path)
    network(np.zeros((2, network.n_in)))
    network.patterns(np.ones((2, network.n_in)))


def use_plane(path: Path) -> None:
    part = lr.PlanePartition.load(path)
    _ = part.n_regions, part.n_linear_regions, part.areas, part.perimeters, part.boundary_length
    _ = part.patterns, part.affine_maps, part.edge_is_linear_boundary, part.linear_labels
    part.decision_boundary()
    part.polygon(part.n_regions - 1)


def use_line(path: Path) -> None:
    part = lr.LinePartition.load(path)
    _ = part.n_regions, part.n_linear_regions, part.neurons, part.breakpoint_indices
    _ = part.patterns, part.slopes, part.lengths, part.intervals


def use_stream(folder: Path) -> None:
    regions = lr.StreamedRegions.open(folder)
    _ = regions.areas, regions.perimeters, regions.network, regions.window, repr(regions)
    for k in (0, regions.n_regions - 1):
        regions.polygon(k)
        if regions.manifest["patterns"]:
            regions.pattern(k)
    assert sum(1 for _ in regions) == len(regions)


def resume_stream(folder: Path) -> None:
    sink = lr.RegionStream(folder, format="npz")
    sink.cells_in_batch = 2
    assert lr.partition(NETWORK, WINDOW, sink=sink).n_regions == lr.count_regions(NETWORK, WINDOW)


def use_dataset(path: Path) -> None:
    data = load_dataset(path)
    _ = data.x_train, data.x_test, data.n_classes, data.mean, data.variance, repr(data), data.fingerprint
    data.examples([0])


class Case:
    """A file, how it is damaged, and what reads it."""

    def __init__(
        self, read: Callable[[Path], object], file: str, damage: Callable[[bytes, np.random.Generator], bytes]
    ) -> None:
        self.read, self.file, self.damage = read, file, damage


def _arrays(content: bytes) -> Arrays:
    with np.load(io.BytesIO(content)) as archive:
        # Without the checksum, so that it does not hide the structure.
        return {name: archive[name] for name in archive.files if name != CHECKSUM}


def _npz(content: bytes, rng: np.random.Generator) -> bytes:
    return flip(content, rng) if rng.integers(4) == 0 else saved(change_arrays(_arrays(content), rng))


def _json(content: bytes, rng: np.random.Generator) -> bytes:
    if rng.integers(4) == 0:
        return flip(content, rng)
    if rng.integers(8) == 0:
        return TEXTS[rng.integers(len(TEXTS))].encode()
    whole = json.loads(content)
    whole.pop("checksum", None)  # see above
    return json.dumps(change_json(whole, rng)).encode()


def _csv(content: bytes, rng: np.random.Generator) -> bytes:
    return flip(content, rng) if rng.integers(2) else change_text(content.decode(), rng).encode()


def _npy(content: bytes, rng: np.random.Generator) -> bytes:
    if rng.integers(3) == 0:
        return npy(change_array(np.load(io.BytesIO(content)), rng))
    return change_header(content, rng) if rng.integers(2) else flip(content, rng)


def make(folder: Path) -> dict[str, Case]:
    """Write all files undamaged; return what to do with them."""
    NETWORK.save(folder / "network.npz")
    lr.partition(NETWORK, WINDOW).save(folder / "plane.npz")
    lr.partition(NETWORK, lr.Segment([-1, -1], [1, 1])).save(folder / "line.npz")
    lr.partition(NETWORK, lr.Path([[-1, -1], [1, 1], [1, -1]])).save(folder / "path.npz")
    resume_stream(folder / "stream")
    resume_stream(folder / "old")
    manifest = json.loads((folder / "old" / "regions.json").read_text())
    manifest["format"] = "linregions-regions-1"  # without checksums, so that nothing hides the structure
    del manifest["checksum"]
    for entry in manifest["parts_written"]:
        del entry["checksum"]
        path = folder / "old" / "parts" / entry["name"]
        entry["name"] = f"{path.stem.rsplit('-', 1)[0]}.npz"
        path.rename(path.with_name(entry["name"]))
    (folder / "old" / "regions.json").write_text(json.dumps(manifest))
    rng = np.random.default_rng(0)
    np.save(folder / "points.npy", rng.normal(size=(4, 3)))
    (folder / "points.csv").write_text("0.5, 1, 2\n-1, 2, 3\n0.25, -0.5, 0\n")
    data = {"x_train": rng.integers(0, 256, (6, 2, 2), dtype=np.uint8), "y_train": np.arange(6) % 3}
    data |= {"x_test": data["x_train"][:3], "y_test": data["y_train"][:3]}
    (folder / "data.npz").write_bytes(saved(data))
    (folder / "idx").mkdir()
    for key, name in (
        ("x_train", "train-images-idx3-ubyte"),
        ("y_train", "train-labels-idx1-ubyte"),
        ("x_test", "t10k-images-idx3-ubyte"),
        ("y_test", "t10k-labels-idx1-ubyte"),
    ):
        array = data[key].astype(np.uint8)
        header = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
        (folder / "idx" / name).write_bytes(header + array.tobytes())
    write_table(folder / "table.csv", [{"a": 1, "b": 0.5, "c": "x"}, {"a": 2, "b": 1.5, "c": "y"}])
    write_json(folder / "fig2.json", {"settings": {"hidden": [3]}, "seed": 1, "tables": ["scales"], "versions": {}})
    (folder / "settings.toml").write_text("[fig5]\nhidden = [[16, 16], [32]]\nlines = 20\n")
    part = sorted(path.name for path in (folder / "stream" / "parts").iterdir())[-1]
    old = sorted(path.name for path in (folder / "old" / "parts").iterdir())[-1]
    return {
        "network": Case(use_network, "network.npz", _npz),
        "plane": Case(use_plane, "plane.npz", _npz),
        "line": Case(use_line, "line.npz", _npz),
        "path": Case(use_line, "path.npz", _npz),
        "stream: manifest": Case(lambda path: use_stream(path.parent), "stream/regions.json", _json),
        "stream: part": Case(lambda path: use_stream(path.parents[1]), f"stream/parts/{part}", flip),
        "stream: part, gone on with": Case(lambda path: resume_stream(path.parents[1]), f"stream/parts/{part}", flip),
        "stream: source, gone on with": Case(
            lambda path: resume_stream(path.parent), "stream/network-and-window.npz", _npz
        ),
        "old stream: manifest": Case(lambda path: use_stream(path.parent), "old/regions.json", _json),
        "old stream: part": Case(lambda path: use_stream(path.parents[1]), f"old/parts/{old}", _npz),
        "old stream: source": Case(lambda path: use_stream(path.parent), "old/network-and-window.npz", _npz),
        "points as NPY": Case(lambda path: read_points(path, "a test"), "points.npy", _npy),
        "points as text": Case(lambda path: read_points(path, "a test"), "points.csv", _csv),
        "data set": Case(use_dataset, "data.npz", _npz),
        "images": Case(lambda path: use_dataset(path.parent), "idx/train-images-idx3-ubyte", flip),
        "labels": Case(lambda path: use_dataset(path.parent), "idx/t10k-labels-idx1-ubyte", flip),
        "table": Case(read_table, "table.csv", _csv),
        "JSON": Case(read_json, "fig2.json", _json),
        "experiment": Case(lambda path: load_saved(path.parent, "fig2"), "fig2.json", _json),
        "settings": Case(lambda path: read_settings(path, ["fig5"]), "settings.toml", _csv),
    }


def damaged(folder: Path, case: Case, seed: int, count: int) -> Iterator[tuple[int, Exception | None]]:
    """Damage a file `count` times; yield each time what reading raised, with the file as it was afterwards."""
    path = folder / case.file
    top = folder / case.file.split("/")[0] if "/" in case.file else path
    with tempfile.TemporaryDirectory() as kept:
        backup = Path(kept) / "whole"
        (shutil.copytree if top.is_dir() else shutil.copy)(top, backup)  # type: ignore[operator]
        content = path.read_bytes()
        for k in range(count):
            path.write_bytes(case.damage(content, np.random.default_rng([seed, k])))
            error: Exception | None = None
            try:
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    case.read(path)
            except Exception as found:  # whatever it is, the caller judges it
                error = found
            yield k, error
            if top.is_dir():
                shutil.rmtree(top)
                shutil.copytree(backup, top)
            else:
                shutil.copy(backup, top)


def main(seed: int, count: int) -> int:
    """Damage every file `count` times and tell what came out; return how many errors were raw."""
    raw = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, case in make(folder).items():
            seen: Counter[str] = Counter()
            for k, error in damaged(folder, case, seed, count):
                seen[type(error).__name__] += 1
                if error is not None and not isinstance(error, LinRegionsError):
                    raw += 1
                    print(f"  {what}, seed {[seed, k]}: {type(error).__name__}: {str(error)[:200]}")
            print(what, dict(seen))
    return raw


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), int(sys.argv[2]))))
