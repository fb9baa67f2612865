"""Every kind of file we read, damaged at random: the same content comes out, or one of our errors, in little memory.

Here damage is seen by checksums; what remains to be found by structure, in files without them, is in `file_damage`.
Run it for longer with ``python -m tests.support.corruption SEED COUNT [KIND ...]``.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import tempfile
import time
import tracemalloc
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import linregions as lr
from linregions._support.tables import plain
from linregions.errors import LinRegionsError
from linregions.experiments.context import Context, Measurement
from linregions.experiments.saved import Saved, load_saved
from linregions.experiments.sweeps.store import CellStore
from linregions.networks.network import network_to_arrays
from linregions.regions.lines.partition import LinePartition
from linregions.regions.planes.partition import PlanePartition
from linregions.tracking import Tracker
from linregions.tracking.probes import default_probes
from linregions.training.runs import RunFolder, Snapshot
from tests.support.graphs import random_graph
from tests.support.sweep_cases import Base

#: What reading one file may take, though a header tells of exabytes.
MOST_BYTES = 32 << 20

NETWORK = lr.random_network([2, 4, 3, 2], 3, activation=[lr.RELU, lr.HARD_TANH], bias_variance=0.2)
WINDOW = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
SETTINGS = {"dataset": {"name": "toy"}, "widths": [2, 4, 3, 2]}


# Damage --------------------------------------------------------------------------------------------------------------


def _raw(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, cut the end off, add bytes at it, put some in or take some out."""
    made = bytearray(content)
    kind = rng.integers(6)
    place = int(rng.integers(len(made)))
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content + rng.bytes(int(rng.integers(1, 40)))
    if kind == 2:
        made[place:place] = rng.bytes(int(rng.integers(1, 20)))
    elif kind == 3:
        del made[place : place + int(rng.integers(1, 30))]
    else:
        for bit in rng.integers(0, 8 * len(made), int(rng.integers(1, 5))):
            made[bit // 8] ^= 1 << int(bit % 8)
    return bytes(made)


def _members(content: bytes) -> list[tuple[zipfile.ZipInfo, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(member, archive.read(member)) for member in archive.infolist()]


def _archive(members: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    """Return an archive of these members, whose own checksums fit, so that the reader of zip finds nothing wrong."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice
        for old, data in members:
            member = zipfile.ZipInfo(old.filename)
            member.compress_type, member.comment = old.compress_type, old.comment
            archive.writestr(member, data)
    return made.getvalue()


def _flipped(data: bytes, low: int, high: int, rng: np.random.Generator) -> bytes:
    made = bytearray(data)
    for place in rng.integers(low, max(high, low + 1), int(rng.integers(1, 4))):
        made[min(place, len(made) - 1)] ^= 1 << int(rng.integers(8))
    return bytes(made)


def archive(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage the bytes of an NPZ file, or its members in an archive that is whole."""
    kind = rng.integers(12)
    if kind < 4:
        return _raw(content, rng)
    members = _members(content)
    i, j = rng.integers(0, len(members), 2)
    info, data = members[i]
    start = 10 + int.from_bytes(data[8:10], "little")  # where the header ends
    if kind == 4:  # arrays change places
        members[i], members[j] = (info, members[j][1]), (members[j][0], data)
    elif kind == 5:
        del members[i]
    elif kind == 6:
        members.insert(int(j), (info, members[j][1]))
    elif kind == 7:
        info.filename = info.filename[: rng.integers(len(info.filename))] + "x" + info.filename[-rng.integers(1, 9) :]
    elif kind == 8:  # bits of the header
        members[i] = info, _flipped(data, 0, start, rng)
    elif kind == 9:  # another header, of something huge or negative or of another type
        shapes = ["(10**9,)", "(99999999999,)", "(4611686018427387904,)", "(-1,)", "(3, 1000000000)", "(1,)", "()"]
        descr = ["<f8", ">f8", "<f4", "|O", "<U9", "|b1", "<U99999999", "|S0", "<i8"][rng.integers(9)]
        header = f"{{'descr': '{descr}', 'fortran_order': {bool(rng.integers(2))}, 'shape': "
        text = (header + shapes[rng.integers(len(shapes))] + ", }").encode()
        members[i] = info, b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data[start:]
    else:  # bits of the numbers
        members[i] = info, _flipped(data, start, len(data), rng)
    return _archive(members)


def text(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage the bytes of a text, or put other digits into it."""
    if rng.integers(2):
        return _raw(content, rng)
    made = bytearray(content)
    digits = [place for place, byte in enumerate(made) if chr(byte).isdigit()]
    for place in rng.choice(digits, int(rng.integers(1, 4))):
        made[place] = ord(str(rng.integers(10)))
    return bytes(made)


# What reads them -----------------------------------------------------------------------------------------------------


class Kind:
    """A file, how it is damaged, and what reading it says: the same for the same content, None where it counts as gone.

    What is not asked for, such as versions, is left out.
    """

    def __init__(
        self, file: Path, damage: Callable[[bytes, np.random.Generator], bytes], read: Callable[[], Any]
    ) -> None:
        self.file, self.damage, self.read = file, damage, read


def _told(value: Any) -> Any:
    """Return something that can be compared, bit by bit."""
    if isinstance(value, dict):
        return {key: _told(entry) for key, entry in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_told(entry) for entry in value]
    if isinstance(value, lr.Network):
        return _told(network_to_arrays(value))
    array = np.asarray(value)
    return str(array.dtype), array.shape, array.tobytes() if array.dtype.kind in "biufcU" else repr(value)


def _gone_or_told(value: Any) -> Any:
    return None if value is None else _told(value)


def _partition(made: Any, arrays: tuple[str, ...], domain: tuple[str, ...]) -> Any:
    of = getattr(made, "window", None) or made.domain
    found = {name: getattr(made, name) for name in arrays}
    place = {name: getattr(of, name) for name in domain}
    return [_told(part) for part in (made.network, found, type(of).__name__, place, made.diagnostics)]


def _plane(path: Path) -> Any:
    from linregions.regions.planes.partition import _ARRAYS

    return _partition(PlanePartition.load(path), tuple(_ARRAYS), ("origin", "basis", "polygon"))


def _line(path: Path, *domain: str) -> Any:
    from linregions.regions.lines.partition import _ARRAYS

    return _partition(LinePartition.load(path), tuple(_ARRAYS), domain)


def _settings(saved: Saved) -> Any:
    return _told(plain([saved.settings, saved.seed, saved.tables]))


def _stream(folder: Path) -> Any:
    regions = lr.StreamedRegions.open(folder)
    parts = [regions.part(k) for k in range(regions.n_parts)]
    numbers = regions.n_regions, regions.n_vertices, regions.n_edges, regions.diagnostics
    return _told([regions.network, regions.window.polygon, regions.window.basis, parts, numbers])


def _folder(parent: Path) -> RunFolder:
    return RunFolder(parent, SETTINGS, "dense")


def _run(parent: Path) -> Any:
    """Return what training would go on from; what is damaged is trained once more."""
    folder = _folder(parent)
    found = folder.snapshots({0, 5})
    told = {str(step): [one.epoch, one.network, one.test_accuracy, one.train_loss] for step, one in found.items()}
    return _told(told) if len(found) == 2 else None


def _state(path: Path, whole: dict[str, Any]) -> Any:
    try:
        state = json.loads(path.read_bytes())
    except (ValueError, RecursionError):  # whoever keeps the state sees that
        return None
    if not isinstance(state, dict):
        return None
    tracker = Tracker(default_probes(np.eye(2), 0), every=1)
    tracker.load_state_dict(state)
    made = plain(tracker.state_dict())
    return None if made == whole else made


def make(folder: Path) -> dict[str, Kind]:
    """Write a file of every kind."""
    NETWORK.save(folder / "chain.npz")
    graph = lr.Network.from_graph(random_graph(np.random.default_rng(1)))
    graph.save(folder / "graph.npz")
    lr.partition(NETWORK, WINDOW).save(folder / "plane.npz")
    lr.partition(NETWORK, lr.Segment([-1, -1], [1, 1])).save(folder / "segment.npz")
    lr.partition(NETWORK, lr.Line([0, 0], [1, 0.5])).save(folder / "line.npz")
    sink = lr.RegionStream(folder / "stream")
    sink.cells_in_batch = 8
    lr.partition(NETWORK, WINDOW, sink=sink)
    part = sorted((folder / "stream" / "parts").iterdir())[0]
    rows = [{"n": 3, "x": 0.5, "name": "a"}, {"n": 4, "x": 2.25, "name": "b"}]
    Context(out=folder, progress=False).write("fig2", {"hidden": [3]}, Measurement(rows, {"x": np.arange(9.0)}))
    run = _folder(folder / "runs")
    for step in (0, 5):
        run.add(Snapshot(step / 5, step, NETWORK, 0.9, 0.125 * step), {"moments": np.arange(5.0)})
    store, cell = CellStore(folder / "cells"), Base(3)
    store.save(cell, {"counts": [1, 2, 3], "mean": 2.0})
    tracker = Tracker(default_probes(np.eye(2), 0), every=1)
    tracker(NETWORK)
    state = plain(tracker.state_dict())
    (folder / "tracker.json").write_text(json.dumps(state))
    return {
        "network: a chain": Kind(folder / "chain.npz", archive, lambda: _told(lr.Network.load(folder / "chain.npz"))),
        "network: a graph": Kind(folder / "graph.npz", archive, lambda: _told(lr.Network.load(folder / "graph.npz"))),
        "plane": Kind(folder / "plane.npz", archive, lambda: _plane(folder / "plane.npz")),
        "segment": Kind(folder / "segment.npz", archive, lambda: _line(folder / "segment.npz", "a", "b")),
        "line": Kind(folder / "line.npz", archive, lambda: _line(folder / "line.npz", "origin", "direction")),
        "stream: part": Kind(part, archive, lambda: _stream(folder / "stream")),
        "stream: source": Kind(
            folder / "stream" / "network-and-window.npz", archive, lambda: _stream(folder / "stream")
        ),
        "stream: manifest": Kind(folder / "stream" / "regions.json", text, lambda: _stream(folder / "stream")),
        "experiment: arrays": Kind(folder / "fig2.npz", archive, lambda: _told(Saved(folder, "fig2", {}, 0).arrays)),
        "experiment: settings": Kind(
            folder / "fig2.json",
            text,
            lambda: _settings(load_saved(folder, "fig2")),
        ),
        "experiment: table": Kind(folder / "fig2.csv", text, lambda: repr(load_saved(folder, "fig2").rows)),
        "training: snapshot": Kind(run.path / "step-000000005.npz", archive, lambda: _run(folder / "runs")),
        "training: state": Kind(
            run.path / "state.npz",
            archive,
            lambda: _gone_or_told(_folder(folder / "runs").state()),
        ),
        "training: index": Kind(run.path / "run.json", text, lambda: _run(folder / "runs")),
        "sweep cell": Kind(store.file(cell), text, lambda: store.load(cell)),
        "tracker": Kind(folder / "tracker.json", text, lambda: _state(folder / "tracker.json", state)),
    }


def corrupt(kind: Kind, seed: int, count: int) -> tuple[Counter[str], int]:
    """Damage a file `count` times; return how often it came out the same, gone, or refused, and the most bytes used.

    Anything else, and another error than one of ours, is an AssertionError that says which seed made it.
    """
    content, expected = kind.file.read_bytes(), kind.read()
    seen: Counter[str] = Counter()
    most = 0
    try:
        for k in range(count):
            made = kind.damage(content, np.random.default_rng([seed, k]))
            kind.file.write_bytes(made)
            if k % 10 == 0:  # this is slow
                tracemalloc.start()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = kind.read()
            except LinRegionsError as error:
                told = str(error)
                assert told.count("`") % 2 == 0, (seed, k, told)
                assert ", but " in told, (seed, k, told)
                assert len(told) < 3_000, (seed, k, told)
                seen["refused"] += 1
            except Exception as error:
                raise AssertionError(f"seed {[seed, k]}: {type(error).__name__}: {error}") from error
            else:
                assert found is None or found == expected, f"seed {[seed, k]}: another answer"
                seen["untouched" if made == content else "gone" if found is None else "same"] += 1
            if tracemalloc.is_tracing():
                most = max(most, tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
            assert most < MOST_BYTES, f"seed {[seed, k]}: {most:,} bytes"
    finally:
        tracemalloc.stop()
        kind.file.write_bytes(content)
    return seen, most


def main(seed: int, count: int, chosen: list[str]) -> None:
    """Damage a file of every chosen kind `count` times, of all if none is, and tell what came out."""
    logging.disable()  # of cells that are damaged
    with tempfile.TemporaryDirectory() as name:
        kinds = make(Path(name))
        for what, kind in ((what, kinds[what]) for what in chosen or kinds):
            start = time.perf_counter()
            try:
                seen, most = corrupt(kind, seed, count)
            except AssertionError as error:
                print(f"{what}: WRONG {error}", flush=True)
                continue
            print(f"{what}: {dict(seen)}, {most:,} bytes at most, {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
