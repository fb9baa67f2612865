"""Windows that are cut to blocks before they are cut to cells, against the whole partition."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow, RegionStatistics, RegionStream
from linregions.domains.frames import frame_of
from linregions.regions.options import Options
from linregions.regions.planes.engine import blocks as _plane_blocks
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.engine.plan import make_plan
from linregions.regions.planes.engine.run import run_plane
from linregions.regions.planes.estimate import estimate_plane
from linregions.regions.planes.find import count_plane, partition_plane
from linregions.regions.planes.sinks.statistics import PlaneStatistics
from linregions.regions.tolerances import DEFAULT_TOLERANCES
from tests.support import plane_strategies as ps
from tests.support import zoo
from tests.support.examples import drawn, pairs
from tests.support.plane_checks import miscount
from tests.support.statistics_checks import check_statistics, same_statistics

CASES = {case.name: case for case in [*map(zoo.golden, ("toy2d_32x3", "mnist_64x3_trained")), *zoo.small_cases()]}
SMALL = Knobs(most_lines=3, lines_in_block=12)
WIDE_NET = lr.random_network([2, 450, 6, 1], 0, bias_variance=1.0)


def statistics(net: Network, window: PlaneWindow, cells_in_batch: int | None = None, **options: Any) -> PlaneStatistics:
    sink = RegionStatistics(linear=True, largest=3)
    sink.cells_in_batch = cells_in_batch
    knobs = replace(SMALL, cell_switches=options.pop("cell_switches", None))
    found = run_plane(net, window, sink, Options(**options), knobs)
    assert isinstance(found, PlaneStatistics)
    return found


@pytest.mark.parametrize("name", pairs(CASES, [()], 3))
def test_statistics_of_blocks(name: str) -> None:
    case = CASES[name]
    whole = partition_plane(case.network, case.window)
    for switches in (1, 4, None):
        found = statistics(case.network, case.window, cell_switches=switches)
        check_statistics(found, whole, close=case.close)
        knobs = replace(SMALL, cell_switches=switches)
        assert count_plane(case.network, case.window, knobs=knobs)[0] == whole.n_regions
        assert count_plane(case.network, case.window, "linear", knobs=knobs)[0] == whole.n_linear_regions


@pytest.mark.parametrize("name", ["toy2d_32x3", "mnist_64x3_trained", "three breaks", "whole numbers, rotated"])
def test_threads_and_batches_of_blocks_do_not_change_a_bit(name: str) -> None:
    case = CASES[name]
    one = statistics(case.network, case.window, cell_switches=2)
    for size in (None, 1, 3):
        for threads in (1, 2, 3):
            assert same_statistics(one, statistics(case.network, case.window, size, threads=threads, cell_switches=2))
    assert same_statistics(one, statistics(case.network, case.window, cell_switches=2, memory_limit=2**30))


@drawn(60, ps.integer_problems([*ps.ONE_BREAK, *ps.MORE_BREAKS_EXACT]))
def test_blocks_of_degenerate_networks(problem: tuple[Network, PlaneWindow]) -> None:
    net, window = problem
    whole = partition_plane(net, window)
    for switches in (1, None):
        check_statistics(statistics(net, window, cell_switches=switches), whole, close=1e-7)


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_streams_of_blocks(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    case = CASES["mnist_64x3_trained"]

    def run(folder: Path, threads: int = 1) -> Any:
        sink = RegionStream(folder, format=ending)
        sink.cells_in_batch = 2
        return run_plane(case.network, case.window, sink, Options(threads=threads), SMALL)

    def contents(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    regions = run(tmp_path / "one")
    assert regions.n_regions == 7939
    assert regions.n_parts > 10
    whole = partition_plane(case.network, case.window)
    assert np.array_equal(np.sort(regions.areas.round(6)), np.sort(whole.areas.round(6)))
    run(tmp_path / "two", threads=2)
    expected = contents(tmp_path / "one")
    assert contents(tmp_path / "two") == expected
    some = sorted((tmp_path / "two" / "parts").iterdir())
    for path in some[1::3]:
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in some if path.exists()}
    run(tmp_path / "two", threads=2)
    assert contents(tmp_path / "two") == expected
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    monkeypatch.setattr(RegionStream, "digest", None)
    run(tmp_path / "two")


def blocks_of(net: Network, window: PlaneWindow, knobs: Knobs = SMALL) -> tuple[Any, Any]:
    plan, _ = make_plan(net, window, DEFAULT_TOLERANCES.relative)
    return plan, _plane_blocks.make_blocks(plan, frame_of(window).polygon, knobs)


def crossing(plan: Any, blocks: Any) -> list[int]:
    """Count the lines of a ReLU layer that cross each block."""
    found = []
    for k in range(blocks.n_blocks):
        corners = blocks.xy[blocks.side[0, blocks.f_off[k] : blocks.f_off[k + 1]]]
        values = (plan.first[0] + corners @ plan.first[1:3]).round(9)
        found.append(int(((values.min(axis=0) < 0) & (values.max(axis=0) > 0)).sum()))
    return found


@pytest.mark.parametrize("most", [10, 30, 100])
@pytest.mark.parametrize("half", [0.3, 3.0, 30.0])
def test_no_block_is_crossed_by_too_many_lines(most: int, half: float) -> None:
    knobs = replace(SMALL, lines_in_block=most)
    net = lr.random_network([2, 180, 1], 0, bias_variance=0.3)
    window = PlaneWindow.of_inputs([-half, -half], [half, half])
    plan, blocks = blocks_of(net, window, knobs)
    lines = crossing(plan, blocks)
    assert max(lines) <= most
    assert sum(blocks.areas) == pytest.approx(1.0, rel=1e-12)
    if most == 100:
        assert 1 < blocks.n_blocks < 60, "few lines are enough, if each halves what is largest"
    again = blocks_of(net, window, replace(knobs, values_at_once=1))[1]  # one block at a time
    assert all(np.array_equal(getattr(blocks, name), getattr(again, name)) for name in ("xy", "edge", "f_off", "side"))


def test_equal_lines_do_not_cross_a_block_for_ever() -> None:
    """Once one of them is chosen, the others lie on its border."""
    rng = np.random.default_rng(0)
    weight = np.repeat(rng.standard_normal((8, 2)), 30, axis=0) * rng.uniform(0.5, 2.0, (240, 1))
    net = Network.from_layers([(weight, np.zeros(240)), (np.ones((1, 240)), np.zeros(1))])
    blocks = blocks_of(net, zoo.SQUARE)[1]
    assert blocks.n_blocks == count_plane(net, zoo.SQUARE, knobs=SMALL)[0] == 16


def test_processes_take_blocks(tmp_path: Path) -> None:
    here = lr.partition(WIDE_NET, zoo.SQUARE, sink=RegionStatistics(linear=True))
    assert here.n_regions == lr.partition(WIDE_NET, zoo.SQUARE).n_regions
    with ProcessPoolExecutor(2) as executor:
        there = lr.partition(WIDE_NET, zoo.SQUARE, sink=RegionStatistics(linear=True), executor=executor)
        regions = lr.partition(WIDE_NET, zoo.SQUARE, sink=RegionStream(tmp_path), executor=executor)
    assert same_statistics(here, there)
    assert regions.n_regions == here.n_regions
    assert pickle.loads(pickle.dumps(here)).n_regions == here.n_regions


def test_blocks_that_disagree_are_worked_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["toy2d_32x3"]
    left = miscount(monkeypatch)
    found = statistics(case.network, case.window)
    assert left == [0]
    check_statistics(found, partition_plane(case.network, case.window), close=1e-8)


@pytest.mark.parametrize("name", ["toy2d_32x3", "mnist_64x3_trained"])
def test_estimates_of_blocks(name: str) -> None:
    case = CASES[name]
    found = estimate_plane(case.network, case.window, knobs=SMALL)
    n = lr.count_regions(case.network, case.window)
    assert abs(found.n_regions.value - n) <= 4 * found.n_regions.stderr + 1e-9 * n
