"""What the engine does when it is lucky once in a thousand times: disagreement, contradiction, buffers that grow."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import RegionStatistics, RegionStream
from linregions.errors import LinRegionsError, NumericalError
from linregions.regions.options import DEFAULT_OPTIONS, Options
from linregions.regions.planes.engine import (
    buffers as _plane_buffers,
)
from linregions.regions.planes.engine import (
    cell_run as _plane_worker,
)
from linregions.regions.planes.engine import (
    first_layer as _plane_root,
)
from linregions.regions.planes.engine import (
    run as _plane_engine,
)
from linregions.regions.planes.engine import workbench
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.engine.run import run_plane
from linregions.regions.planes.engine.window import WholeWindow
from linregions.regions.planes.find import partition_plane
from linregions.regions.planes.kernels.workspace import Capacities
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.tolerances import DEFAULT_TOLERANCES
from tests.support import zoo
from tests.support.plane_checks import check_invariants, check_same, miscount
from tests.support.statistics_checks import check_statistics

CASES = {
    case.name: case
    for case in [zoo.golden("toy2d_32x3"), zoo.golden("mnist_64x3_trained"), *zoo.small_cases()]
    if case.name in ("toy2d_32x3", "mnist_64x3_trained", "relu, whole numbers", "three breaks", "abs, whole numbers")
}
TOY = CASES["toy2d_32x3"]


class Watched(RegionStatistics):
    """Statistics that note how they were begun."""

    def __init__(self, cells_in_batch: int | None = None) -> None:
        super().__init__(linear=True)
        self.cells_in_batch = cells_in_batch
        self.begun: list[tuple[int, float]] = []

    def begin(self, network: lr.Network, window: lr.PlaneWindow, relative_tolerance: float) -> None:
        self.begun.append((self.attempt, relative_tolerance))
        super().begin(network, window, relative_tolerance)


@pytest.mark.parametrize("cells_in_batch", [1, 3, 1000])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["toy2d_32x3", "mnist_64x3_trained"])
def test_cells_that_disagree_are_worked_as_one(
    name: str, threads: int, cells_in_batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    whole = partition_plane(case.network, case.window)
    left = miscount(monkeypatch)
    sink = Watched(cells_in_batch)
    found = lr.partition(case.network, case.window, sink=sink, threads=threads)
    assert left == [0]
    relative = DEFAULT_TOLERANCES.relative
    assert sink.begun == [(1, relative), (2, relative)]
    check_statistics(found, whole, close=1e-8)
    assert found.diagnostics["cells"] == whole.diagnostics["cells"] - 1


def test_cells_may_disagree_more_than_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = partition_plane(TOY.network, TOY.window)
    miscount(monkeypatch, 4)
    sink = Watched(1)
    found = lr.partition(TOY.network, TOY.window, sink=sink)
    assert len(sink.begun) >= 2
    check_statistics(found, whole, close=1e-8)
    assert found.diagnostics["cells"] < whole.diagnostics["cells"]


def test_whole_partition_with_cells_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = partition_plane(TOY.network, TOY.window)
    miscount(monkeypatch)
    found = partition_plane(TOY.network, TOY.window)
    assert found.diagnostics["cells"] == whole.diagnostics["cells"] - 1
    check_invariants(found)
    check_same(found, whole)


def test_all_cells_joined_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["relu, whole numbers"]
    whole = partition_plane(case.network, case.window, knobs=Knobs(cell_switches=1))
    miscount(monkeypatch, 10**9)  # always: until there is no border left
    found = partition_plane(case.network, case.window, knobs=Knobs(cell_switches=1))
    assert whole.diagnostics["cells"] > 10
    assert found.diagnostics["cells"] == 1
    check_invariants(found)
    check_same(found, whole)


def test_a_stream_of_a_second_attempt(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    left = miscount(monkeypatch)
    sink = RegionStream(tmp_path)
    sink.cells_in_batch = 2
    regions = lr.partition(TOY.network, TOY.window, sink=sink)
    assert left == [0]
    assert regions.n_regions == 4176
    names = sorted(path.name for path in (tmp_path / "parts").iterdir())
    assert [name[: len("part-2-000000000")] for name in names] == [f"part-2-{k:09d}" for k in range(0, 10, 2)]
    assert abs(regions.areas.sum() - TOY.window.area) <= 1e-9 * TOY.window.area


def contradict(monkeypatch: pytest.MonkeyPatch, times: int, where: str) -> None:
    left = [times]
    owner: Any = _plane_worker.CellRun if where == "run" else _plane_root
    original = getattr(owner, where)

    def contradicted(*arguments: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise _plane_root.Contradiction
        return original(*arguments)

    monkeypatch.setattr(owner, where, contradicted)


@pytest.mark.parametrize("where", ["run", "cut_root"])
@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_contradictions_are_answered_with_other_bands(times: int, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    contradict(monkeypatch, times, where)
    sink = Watched()
    if times < 3:
        found = lr.partition(TOY.network, TOY.window, sink=sink)
        assert found.n_regions == 4176
        assert found.diagnostics["relative_tolerance"] == DEFAULT_TOLERANCES.relative * (1, 1 / 16, 16)[times]
    else:
        with pytest.raises(
            NumericalError, match=r"`network` has pre-activations whose signs contradict .* 16 times less"
        ):
            lr.partition(TOY.network, TOY.window, sink=sink)
        assert issubclass(NumericalError, LinRegionsError)
    bands = [(k + 1, DEFAULT_TOLERANCES.relative * factor) for k, factor in enumerate((1, 1 / 16, 16))]
    begun = bands[: times + 1]
    assert sink.begun == (begun if where == "run" else begun[times:])


@pytest.mark.parametrize("threads", [1, 2])
def test_contradictions_in_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def contradicted(*_: Any) -> Any:
        raise _plane_root.Contradiction

    monkeypatch.setattr(_plane_worker.CellRun, "run", contradicted)
    with pytest.raises(NumericalError, match="contradict"):
        lr.count_regions(TOY.network, TOY.window, threads=threads)


def same_bits(first: PlanePartition, second: PlanePartition) -> bool:
    names = ("vertices", "edges", "edge_neuron", "edge_faces", "face_offsets", "face_vertices", "pattern_words")
    return first.diagnostics == second.diagnostics and all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in names
    )


TINY = {"vertices": 8, "edges": 8, "faces": 8, "columns": 4, "pool": 16}


@pytest.mark.parametrize("name", CASES)
def test_buffers_that_grow_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    expected = [partition_plane(case.network, case.window, knobs=Knobs(cell_switches=size)) for size in (1, None, 1000)]
    grown: list[str] = []
    output, larger, grow = workbench.make_output, workbench.larger_output, workbench.grow
    make, make_root = workbench.make_workspace, _plane_root.make_workspace
    in_root = [True]

    def tiny_root(capacities: Capacities) -> Any:
        tiny, in_root[0] = in_root[0], False
        few = Capacities(vertices=8, edges=8, faces=8, columns=3 + 64 + 1, pool=16, words=capacities.words)
        return make_root(few if tiny else capacities)

    monkeypatch.setattr(_plane_root, "make_workspace", tiny_root)
    monkeypatch.setattr(workbench, "make_workspace", lambda room: make(room._replace(**TINY)))
    monkeypatch.setattr(workbench, "make_output", lambda size, **others: output(size=min(size, 3), **others))
    monkeypatch.setattr(workbench, "grow", lambda *which, **how: grown.append("workspace") or grow(*which, **how))

    def wider(old: Any, size: int) -> Any:
        grown.append("output")
        return larger(old, size)

    monkeypatch.setattr(workbench, "larger_output", wider)
    for size, whole in zip((1, None, 1000), expected, strict=True):
        _plane_buffers.let_go()
        grown.clear()
        in_root[0] = True
        assert same_bits(partition_plane(case.network, case.window, knobs=Knobs(cell_switches=size)), whole)
        assert {"workspace", "output"} == set(grown)
    _plane_buffers.let_go()


@pytest.mark.parametrize("threads", [1, 2])
def test_work_is_left_when_told_to_stop(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches Python between calls of the kernel: long batches are worked in several calls."""
    knobs = Knobs(seconds_in_kernel=0.0)
    calls: list[int] = []
    original = _plane_worker.cells.run_cells

    def counted(*arguments: Any) -> Any:
        calls.append(len(arguments[5]))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*arguments)

    sink = Watched(1000)
    whole = run_plane(TOY.network, TOY.window, sink, DEFAULT_OPTIONS, knobs)
    monkeypatch.setattr(_plane_worker.cells, "run_cells", counted)
    stopped = Watched(1000 if threads == 1 else 4)
    with pytest.raises(KeyboardInterrupt):
        run_plane(TOY.network, TOY.window, stopped, Options(threads=threads), knobs)
    if threads == 1:
        assert calls == [1, 2, 3, 4], "a cell at a time"
    again = run_plane(TOY.network, TOY.window, sink, DEFAULT_OPTIONS, knobs)
    assert (again.n_regions, again.area) == (whole.n_regions, whole.area)


class Fails(Watched):
    def digest(self, batch: lr.RegionBatch) -> Any:
        raise ZeroDivisionError


def test_other_threads_stop_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch at work when another fails is not worked to its end."""
    slow: list[int] = []
    original = _plane_worker.cells.run_cells

    def run_cells(*arguments: Any) -> Any:
        if arguments[5][0] >= 5:  # in the second batch or the third
            slow.append(int(arguments[5][0]))
            time.sleep(0.2)
        return original(*arguments)

    monkeypatch.setattr(_plane_worker.cells, "run_cells", run_cells)
    with pytest.raises(ZeroDivisionError):
        run_plane(TOY.network, TOY.window, Fails(5), Options(threads=2), Knobs(seconds_in_kernel=0.0))
    assert slow.count(5) <= 3, "of five cells"


def test_a_worker_told_to_stop() -> None:
    job = _plane_engine.Job(TOY.network, TOY.window, DEFAULT_TOLERANCES.relative)
    made = _plane_engine.prepare(job)
    assert made is not None
    made.stopped.set()
    with pytest.raises(_plane_worker.CancelledError):
        made.work(job, Watched(), np.arange(2), 2, None)


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("name", ["toy2d_32x3", "mnist_64x3_trained", "relu, whole numbers"])
def test_tasks_of_threads(name: str, threads: int) -> None:
    """All cells once, in order, in tasks that get smaller."""
    case = CASES[name]
    knobs = Knobs(cell_switches=4)
    job = _plane_engine.Job(case.network, case.window, DEFAULT_TOLERANCES.relative, knobs=knobs)
    made = _plane_engine.prepare(job)
    assert isinstance(made, WholeWindow)
    tasks, most = made.tasks(job, Watched(), threads, False, False)
    assert np.array_equal(np.concatenate(tasks), np.arange(made.n_units))
    assert max(task.size for task in tasks) <= most
    faces = np.diff(made.root.cell_off)
    work = [faces[task].sum() for task in tasks]
    largest = max(faces.max(), faces.sum() // (6 * threads))
    assert all(after <= before + largest for before, after in itertools.pairwise(work))
    assert work[-1] <= 2 * largest
