"""Regions streamed to disk: parts that make the whole, runs that are stopped and go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow, RegionStream, StreamedRegions
from linregions.errors import FileFormatError, InvalidTypeError, InvalidValueError, MissingDependencyError
from linregions.regions.planes.find import partition_plane
from linregions.regions.planes.partition import PlanePartition
from tests.support import zoo
from tests.support.examples import pairs

CASES = {case.name: case for case in [zoo.golden("mnist_64x3_trained"), *zoo.small_cases()]}
MNIST = CASES["mnist_64x3_trained"]


@pytest.fixture(params=["npz", "parquet"])
def ending(request: pytest.FixtureRequest) -> str:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return str(request.param)


def stream(folder: Path, cells: int = 1, **options: Any) -> RegionStream:
    sink = RegionStream(folder, **options)
    sink.cells_in_batch = cells
    return sink


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_equal(regions: StreamedRegions, whole: PlanePartition) -> None:
    assert (regions.n_regions, regions.n_vertices, regions.n_edges) == (
        whole.n_regions,
        len(whole.vertices),
        len(whole.edges),
    )
    assert regions.diagnostics == whole.diagnostics
    size = np.ptp(whole.window.polygon, axis=0).max()
    np.testing.assert_allclose(regions.areas, whole.areas, rtol=0, atol=1e-9 * whole.window.area)
    np.testing.assert_allclose(regions.perimeters, whole.perimeters, rtol=1e-9, atol=1e-8 * size)
    polygons = list(regions)
    assert len(polygons) == len(regions) == whole.n_regions
    for k in range(0, whole.n_regions, max(1, whole.n_regions // 40)):
        np.testing.assert_allclose(regions.polygon(k), whole.polygon(k), rtol=0, atol=1e-9 * size)
        assert np.array_equal(regions.polygon(k), polygons[k])
        assert np.array_equal(regions.pattern(k), whole.patterns[k])


@pytest.mark.parametrize("name", ["mnist_64x3_trained", "three breaks", "no hidden layer", "dead first layer"])
def test_parts_make_the_whole(name: str, ending: str, tmp_path: Path) -> None:
    case = CASES[name]
    whole = partition_plane(case.network, case.window)
    for threads, cells in ((1, 64), (2, 3)):
        folder = tmp_path / str(threads)
        regions = lr.partition(case.network, case.window, sink=stream(folder, cells, format=ending), threads=threads)
        check_equal(regions, whole)
        check_equal(StreamedRegions.open(folder), whole)
        assert regions.network.n_neurons == case.network.n_neurons
        assert np.array_equal(regions.window.polygon, case.window.polygon)
        assert repr(regions).startswith(f"StreamedRegions({whole.n_regions:,} regions in {regions.n_parts} part")


def test_threads_write_the_same_bytes(ending: str, tmp_path: Path) -> None:
    for threads in (1, 2, 3):
        lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path / str(threads), format=ending), threads=threads)
    assert len(contents(tmp_path / "1")) == 29
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "3")


def test_parts_as_npz_are_complexes(tmp_path: Path) -> None:
    case = zoo.golden("toy2d_32x3")
    regions = lr.partition(case.network, case.window, sink=stream(tmp_path))
    whole = partition_plane(case.network, case.window)
    length = 0.0
    for number in range(regions.n_parts):
        part = regions.part(number)
        n_v, n_e, n_f = len(part["vertices"]), len(part["edges"]), len(part["areas"])
        assert n_v - n_e + n_f == 1
        switching = part["edge_neuron"] >= 0
        assert np.all((part["edge_breakpoint"] >= 0) == switching)
        assert np.all(switching[part["edge_is_shared"]])
        steps = np.diff(part["vertices"][part["edges"]], axis=1)[:, 0] @ case.window.basis
        lengths = np.linalg.norm(steps, axis=1)
        length += (lengths * switching * np.where(part["edge_is_shared"], 0.5, 1.0)).sum()
        assert np.array_equal(part["corners"], part["vertices"][part["face_vertices"]])
        starts = part["face_offsets"][:-1]
        np.testing.assert_allclose(np.add.reduceat(lengths[part["face_edges"]], starts), part["perimeters"])
    assert regions.n_parts > 5
    np.testing.assert_allclose(length, whole.boundary_length)


def test_parquet_is_one_table(tmp_path: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    regions = lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path, 4, format="parquet"))
    assert regions.n_parts == 7
    table = dataset.dataset(tmp_path / "parts").to_table()
    assert table.column_names == ["area", "perimeter", "sides", "corner_u", "corner_v", "pattern"]
    assert np.array_equal(np.sort(table.column("area").to_numpy()), np.sort(regions.areas))


def test_only_one_part_is_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path))
    read: list[str] = []
    from linregions.regions.planes.sinks import stream_parts as _region_parts

    original = _region_parts.read_npz
    monkeypatch.setattr(_region_parts, "read_npz", lambda path, who: read.append(path.name[:16]) or original(path, who))
    regions = StreamedRegions.open(tmp_path)
    assert (len(regions), read) == (7939, [])
    regions.polygon(7938)
    regions.polygon(7938)
    assert read == ["part-1-000000026"]
    regions.polygon(0)
    assert read[1:] == ["part-1-000000000"]
    for iterated, _ in zip(regions, range(3), strict=False):
        assert iterated.shape[1] == 2
    assert len(read) == 2


def test_without_patterns(ending: str, tmp_path: Path) -> None:
    regions = lr.partition(
        CASES["triangle"].network, CASES["triangle"].window, sink=RegionStream(tmp_path, format=ending, patterns=False)
    )
    assert regions.polygon(0).shape[1] == 2
    with pytest.raises(InvalidValueError, match=r"`folder` is .*, which has no patterns, but `pattern` needs them"):
        regions.pattern(0)


def part(folder: Path, number: int) -> Path:
    """Return the file of a part."""
    (found,) = folder.glob(f"parts/part-1-{number:09d}*")
    return found


def damaged(content: bytes, damage: str) -> bytes:
    """Return bytes that differ."""
    place = {"first byte": 0, "within": len(content) // 2, "near the end": len(content) - 30}.get(damage)
    if place is None:
        return content[: 2000 if damage == "cut short" else 0]
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


DAMAGES = ["cut short", "empty", "first byte", "within", "near the end"]


@pytest.mark.parametrize("damage", ["removed", *DAMAGES])
def test_missing_and_damaged_parts_are_written_again(damage: str, ending: str, tmp_path: Path) -> None:
    def run() -> StreamedRegions:
        return lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path, format=ending))  # type: ignore[no-any-return]

    run()
    expected = contents(tmp_path)
    path = part(tmp_path, 7)
    if damage == "removed":
        path.unlink()
        error, message = InvalidValueError, "part-1-000000007.* is missing, but StreamedRegions needs all parts"
    else:
        path.write_bytes(damaged(path.read_bytes(), damage))
        error, message = FileFormatError, "part-1-000000007.*, which is damaged .its checksum is .* Make the same call"
    regions = StreamedRegions.open(tmp_path)
    assert regions.polygon(0).shape[1] == 2
    with pytest.raises(error, match=message):
        list(regions)
    (
        tmp_path / "parts" / f".0123abcd.part-1-000000003.{ending}"
    ).touch()  # what a killed run of earlier versions leaves
    run()
    assert contents(tmp_path) == expected


def as_earlier_versions_wrote(folder: Path) -> None:
    """Take checksums out of a folder."""
    manifest = json.loads((folder / "regions.json").read_text())
    del manifest["checksum"]
    manifest["format"] = "linregions-regions-1"
    for entry in manifest["parts_written"]:
        del entry["checksum"]
        path = folder / "parts" / entry["name"]
        entry["name"] = path.stem.rsplit("-", 1)[0] + path.suffix
        path.rename(path.with_name(entry["name"]))
    (folder / "regions.json").write_text(json.dumps(manifest, indent=1))


@pytest.mark.parametrize("damage", [None, "cut short", "empty"])
def test_folders_without_checksums(damage: str | None, ending: str, tmp_path: Path) -> None:
    regions = lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path, format=ending))
    areas = regions.areas
    as_earlier_versions_wrote(tmp_path)
    assert np.array_equal(StreamedRegions.open(tmp_path).areas, areas)
    done = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("parts/*")}
    path = part(tmp_path, 7)
    if damage is not None:
        path.write_bytes(damaged(path.read_bytes(), damage))
    again = lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path, format=ending))
    assert np.array_equal(again.areas, areas)
    assert again.manifest["format"] == "linregions-regions-2"
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("parts/*")}
    expected = {name for name in done if damage is None or name != path.name}
    assert {name for name, time in kept.items() if done.get(name) == time} == expected
    part(tmp_path, 3).write_bytes(damaged(part(tmp_path, 3).read_bytes(), "within"))
    with pytest.raises(FileFormatError, match=r"part-1-000000003.*, which is damaged .its checksum is"):
        list(StreamedRegions.open(tmp_path))


@pytest.mark.parametrize("damage", ["cut short", "empty", "first byte", "within"])
def test_damaged_network_and_window(damage: str, tmp_path: Path) -> None:
    lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path))
    expected = contents(tmp_path)
    path = tmp_path / "network-and-window.npz"
    path.write_bytes(damaged(path.read_bytes(), damage))
    with pytest.raises(FileFormatError, match=r"network-and-window.npz"):
        StreamedRegions.open(tmp_path).polygon(0)
    lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path))
    assert contents(tmp_path) == expected


def test_a_manifest_that_does_not_match_its_checksum(tmp_path: Path) -> None:
    lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path))
    path = tmp_path / "regions.json"
    text = path.read_text()
    for old, new in (
        ('"n_regions": 7939', '"n_regions": 7938'),
        ('"n_edges": ', '"n_edges": 1'),
        ('"checksum"', '"c"'),
    ):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(
            FileFormatError, match=r"regions.json is damaged \((its checksum differs|it lacks its checksum)"
        ):
            StreamedRegions.open(tmp_path)
        with pytest.raises(FileFormatError, match=r"regions.json is damaged"):
            lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path))


def test_a_complete_run_is_not_worked_again(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = stream(tmp_path, format=ending)
    lr.partition(MNIST.network, MNIST.window, sink=sink)
    expected = contents(tmp_path)
    monkeypatch.setattr(RegionStream, "digest", None)  # would fail if called
    for again in (sink, stream(tmp_path, format=ending)):
        regions = lr.partition(MNIST.network, MNIST.window, sink=again)
        assert regions.n_regions == 7939
        assert contents(tmp_path) == expected


STOPPED = """
import sys, time
sys.path.insert(0, {tests!r})
import linregions as lr
from tests.support import zoo
case = zoo.golden("mnist_64x3_trained")
sink = lr.RegionStream({folder!r}, format={ending!r})
sink.cells_in_batch = 1
write = lr.RegionStream.digest
def digest(self, batch):
    time.sleep(0.05)
    return write(self, batch)
lr.RegionStream.digest = digest
lr.partition(case.network, case.window, sink=sink, threads={threads})
"""


@pytest.mark.parametrize(("stop", "threads"), pairs((signal.SIGKILL, signal.SIGINT), (2, 1), 2))
@pytest.mark.usefixtures("interruptible")
def test_a_stopped_run_goes_on(stop: int, threads: int, ending: str, tmp_path: Path) -> None:
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "stopped"
    lr.partition(MNIST.network, MNIST.window, sink=stream(undisturbed, format=ending))
    tests = str(Path(__file__).parents[3])
    code = STOPPED.format(tests=tests, folder=os.fspath(folder), ending=ending, threads=threads)
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
        while len(list(folder.glob("parts/part-*"))) < 4:
            time.sleep(0.005)
            assert process.poll() is None
        process.send_signal(stop)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == -stop, errors
    done = {path.name: path.stat().st_mtime_ns for path in folder.glob("parts/part-*")}
    assert 4 <= len(done) < 27
    if stop == signal.SIGINT:
        assert "KeyboardInterrupt" in errors
        assert not list(folder.rglob(".*")), "nothing half-written is left"
    with pytest.raises(InvalidValueError, match=r"`folder` is .*, where a run was stopped early, but .* Make the same"):
        StreamedRegions.open(folder)
    lr.partition(MNIST.network, MNIST.window, sink=stream(folder, format=ending), threads=2)
    assert contents(folder) == contents(undisturbed)
    assert {name: (folder / "parts" / name).stat().st_mtime_ns for name in done} == done


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_while_writing_leaves_nothing_half_written(
    threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from linregions.regions.planes.sinks import stream as region_stream

    original, calls = region_stream._write_npz, []

    def fails(path: Path, batch: Any, *, patterns: bool) -> None:
        calls.append(path)
        original(path, batch, patterns=patterns)
        if len(calls) >= 6:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(region_stream, "_write_npz", fails)
        with pytest.raises(
            InvalidValueError, match=r"No space left on device\), but RegionStream needs room for the whole fi"
        ):
            lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path), threads=threads)
    assert 4 <= len(list(tmp_path.glob("parts/part-*"))) <= 5
    assert not list(tmp_path.rglob(".*"))
    assert lr.partition(MNIST.network, MNIST.window, sink=stream(tmp_path)).n_regions == 7939


def other_network() -> Network:
    return lr.random_network([784, 8, 1], 0)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"network": other_network()}, "source"),
        ({"window": PlaneWindow(MNIST.window.origin, 2 * MNIST.window.basis, MNIST.window.polygon)}, "source"),
        ({"format": "parquet"}, "parts"),
        ({"patterns": False}, "patterns"),
        ({"tolerances": lr.Tolerances(relative=1e-11)}, "relative_tolerance"),
        ({"cells": 2}, "cells_in_part"),
    ],
)
@pytest.mark.parametrize("same_sink", [False, True])
def test_folders_of_other_runs_are_refused(change: dict[str, Any], what: str, same_sink: bool, tmp_path: Path) -> None:
    if change.get("format") == "parquet":
        pytest.importorskip("pyarrow")
    first = stream(tmp_path)
    lr.partition(MNIST.network, MNIST.window, sink=first)
    expected = contents(tmp_path)
    settings = {key: change[key] for key in ("format", "patterns", "cells") if key in change}
    sink = first if same_sink and not settings else stream(tmp_path, **settings)
    options = {key: change[key] for key in ("tolerances",) if key in change}
    with pytest.raises(InvalidValueError, match=rf"holds regions of another run \(another .*{what}.*\), but RegionStr"):
        lr.partition(change.get("network", MNIST.network), change.get("window", MNIST.window), sink=sink, **options)
    assert contents(tmp_path) == expected


def test_folders_that_are_not_regions(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"`folder` is .*, which has no regions.json, but StreamedRegions.open"):
        StreamedRegions.open(tmp_path)
    (tmp_path / "regions.json").write_text("{")
    with pytest.raises(FileFormatError, match=r"`folder` is .*, whose regions.json is damaged"):
        StreamedRegions.open(tmp_path)
    (tmp_path / "regions.json").write_text(json.dumps({"format": "linregions-plane-1"}))
    with pytest.raises(FileFormatError, match=r"regions.json is damaged .another format"):
        StreamedRegions.open(tmp_path)
    (tmp_path / "regions.json").unlink()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part-1-000000000.npz").touch()
    with pytest.raises(
        InvalidValueError, match=r"part-1-000000000.npz without regions.json, but RegionStream needs an"
    ):
        lr.partition(MNIST.network, MNIST.window, sink=RegionStream(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(InvalidValueError, match=r"`folder` is .*, which cannot be written"):
        lr.partition(MNIST.network, MNIST.window, sink=RegionStream(tmp_path / "file"))


def test_bad_numbers(tmp_path: Path) -> None:
    regions = lr.partition(CASES["triangle"].network, CASES["triangle"].window, sink=RegionStream(tmp_path))
    n = regions.n_regions
    for ask in (regions.polygon, regions.pattern):
        with pytest.raises(InvalidValueError, match=rf"`region` is {n}, but StreamedRegions needs one below .*, {n}"):
            ask(n)
        with pytest.raises(InvalidValueError, match="`region` is -1, but StreamedRegions needs at least 0"):
            ask(-1)
    with pytest.raises(InvalidValueError, match=r"`number` is 1, but StreamedRegions.part needs one below .*, 1"):
        regions.part(1)
    with pytest.raises(InvalidTypeError, match=r"`number` is 0.5"):
        regions.part(0.5)  # type: ignore[arg-type]


def test_bad_arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InvalidTypeError, match=r"`folder` is int, but RegionStream needs a file name"):
        RegionStream(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="`format` is 'csv', but RegionStream needs one of 'npz', 'parquet'"):
        RegionStream(tmp_path, format="csv")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingDependencyError, match=r"`pyarrow` cannot be imported .*linregions\[io\]"):
        RegionStream(tmp_path, format="parquet")
