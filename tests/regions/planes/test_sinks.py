"""Sinks of one's own: what they are given, in which order, and how mistakes are told."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import RegionBatch, RegionStatistics, Sink
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.networks.switches import unpack_patterns
from linregions.regions.planes.find import partition_plane
from linregions.regions.planes.sink import PlaneSummary
from tests.support import zoo

MNIST = zoo.golden("mnist_64x3_trained")
THREE = zoo.Case(
    "three", zoo.float_network([2, 6, 5, 2], np.random.default_rng(0), zoo.ACTIVATIONS["three_breaks"]), zoo.WIDE
)


class Recorder(Sink):
    """Notes who calls what, in which thread, and copies all that it is given."""

    cells_in_batch = 2

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"cells_in_batch": self.cells_in_batch}

    def begin(self, network: lr.Network, window: lr.PlaneWindow, relative_tolerance: float) -> None:
        self.calls += [("begin", network, window, relative_tolerance, self.attempt)]
        self.threads: set[int] = set()
        self.batches: list[dict[str, Any]] = []

    def digest(self, batch: RegionBatch) -> Any:
        names = ("cells", "cell_sizes", "vertices", "root_vertex", "edge", "face_offsets", "side", "pattern_words")
        kept = {name: getattr(batch, name).copy() for name in (*names, "chain", "edge_is_shared")}
        corners = [batch.corners(k) for k in range(batch.n_regions)]
        return {**kept, "n_regions": batch.n_regions, "corners": corners, "thread": threading.get_ident()}

    def collect(self, digested: Any) -> None:
        self.calls.append("collect")
        self.threads |= {threading.get_ident()}
        self.batches.append(digested)

    def finish(self, summary: PlaneSummary) -> Any:
        self.calls.append("finish")
        self.summary = summary
        return self


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("case", [MNIST, THREE])
def test_what_a_sink_is_given(case: zoo.Case, threads: int) -> None:
    net, window = case.network, case.window
    sink = Recorder()
    assert lr.partition(net, window, sink=sink, threads=threads) is sink
    whole = partition_plane(net, window)
    n = len(sink.batches)
    assert sink.calls[0] == ("begin", net, window, lr.Tolerances().relative, 1)
    assert sink.calls[1:] == ["collect"] * n + ["finish"]
    assert sink.threads == {threading.get_ident()}
    workers = {batch["thread"] for batch in sink.batches}
    assert threads > 1 or workers == sink.threads
    cells = np.concatenate([batch["cells"] for batch in sink.batches])
    assert np.array_equal(cells, np.arange(whole.diagnostics["cells"])), "all cells, in order"
    assert max(batch["cells"].size for batch in sink.batches) <= 2
    found = (sink.summary.n_regions, sink.summary.n_vertices, sink.summary.n_edges, sink.summary.diagnostics)
    assert found == (whole.n_regions, len(whole.vertices), len(whole.edges), whole.diagnostics)
    first = 0
    for batch in sink.batches:
        sizes = batch["cell_sizes"].sum(axis=0).tolist()
        lengths = [len(batch["vertices"]), batch["edge"].shape[1], len(batch["face_offsets"]) - 1]
        assert sizes == [*lengths, batch["side"].shape[1], batch["chain"].shape[1]]
        assert batch["n_regions"] == sizes[2]
        patterns = unpack_patterns(net, batch["pattern_words"])
        assert np.array_equal(patterns, whole.patterns[first : first + sizes[2]]), "in the order of the partition"
        for k, corners in enumerate(batch["corners"]):
            np.testing.assert_allclose(corners, whole.polygon(first + k), rtol=0, atol=1e-8)
        assert np.flatnonzero(batch["edge_is_shared"]).tolist() == sorted(batch["chain"][1].tolist())
        known = batch["root_vertex"] >= 0
        np.testing.assert_allclose(batch["vertices"][known], whole.vertices[batch["root_vertex"][known]], atol=1e-8)
        first += sizes[2]


def test_each_shared_edge_is_met_twice_in_the_same_order() -> None:
    sink = lr.partition(MNIST.network, MNIST.window, sink=Recorder())
    runs: dict[int, list[np.ndarray]] = {}
    for batch in sink.batches:
        ends = np.cumsum(batch["cell_sizes"][:, 4])
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            on, edges = batch["chain"][:, begin:end]
            for number in dict.fromkeys(on.tolist()):
                pieces = edges[on == number]
                ends_of = batch["vertices"][batch["edge"][:2, pieces].T].mean(axis=1)
                runs.setdefault(number, []).append(ends_of)
    assert len(runs) > 20
    for seen in runs.values():
        assert len(seen) == 2
        np.testing.assert_allclose(*seen, rtol=0, atol=1e-8)
    assert max(len(seen[0]) for seen in runs.values()) > 3


def test_no_patterns_where_none_are_needed() -> None:
    sink = Recorder()
    sink.needs_patterns = False
    lr.partition(MNIST.network, MNIST.window, sink=sink)
    assert all(batch["pattern_words"].shape[0] == 0 for batch in sink.batches)
    assert sum(batch["n_regions"] for batch in sink.batches) == 7939


def test_bytes_of_a_batch() -> None:
    class Sizes(Recorder):
        def digest(self, batch: RegionBatch) -> Any:
            return batch.n_bytes

    sink = Sizes()
    lr.partition(MNIST.network, MNIST.window, sink=sink)
    expected = lr.partition(MNIST.network, MNIST.window, sink=Recorder()).batches
    names = ("vertices", "root_vertex", "edge", "face_offsets", "side", "pattern_words", "chain")
    assert sink.batches == [sum(batch[name].nbytes for name in names) for batch in expected]


def test_a_sink_takes_several_windows_after_one_another() -> None:
    sink = RegionStatistics(linear=True)
    first = lr.partition(MNIST.network, MNIST.window, sink=sink)
    lr.partition(THREE.network, THREE.window, sink=sink)
    again = lr.partition(MNIST.network, MNIST.window, sink=sink)
    assert (first.n_regions, first.n_linear_regions, first.area) == (7939, 7939, again.area)
    assert (again.n_regions, again.n_linear_regions) == (7939, 7939)
    assert np.array_equal(first.sides, again.sides)


class Later(Recorder):
    """Returns what an earlier run digested of some batches."""

    def __init__(self, known: dict[int, Any]) -> None:
        super().__init__()
        self.known = known
        self.worked: list[int] = []

    def earlier(self, cells: np.ndarray) -> Any:
        return self.known.get(int(cells[0]))

    def digest(self, batch: RegionBatch) -> Any:
        self.worked.append(int(batch.cells[0]))
        return batch.record, batch.n_regions


@pytest.mark.parametrize("threads", [1, 2])
def test_batches_of_an_earlier_run_are_not_worked_again(threads: int) -> None:
    before = Later({})
    lr.partition(MNIST.network, MNIST.window, sink=before)
    n_batches = len(before.worked)
    assert n_batches > 6
    known = {2 * k: (record, (record, n)) for k, (record, n) in enumerate(before.batches) if k % 3}
    after = Later(known)
    lr.partition(MNIST.network, MNIST.window, sink=after, threads=threads)
    assert sorted(after.worked) == [2 * k for k in range(n_batches) if not k % 3]
    assert [n for _, n in after.batches] == [n for _, n in before.batches]
    assert vars(after.summary) == vars(before.summary)


class Broken(Recorder):
    def digest(self, batch: RegionBatch) -> Any:
        if batch.cells[0] >= 6:
            raise ZeroDivisionError(f"cell {batch.cells[0]}")
        return super().digest(batch)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_digest_comes_out_and_stops_the_work(threads: int) -> None:
    sink = Broken()
    with pytest.raises(ZeroDivisionError, match="cell 6"):
        lr.partition(MNIST.network, MNIST.window, sink=sink, threads=threads)
    assert len(sink.batches) == 3
    assert "finish" not in sink.calls
    assert lr.count_regions(MNIST.network, MNIST.window) == 7939


def test_an_error_in_collect_comes_out_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Recorder):
        def collect(self, digested: Any) -> None:
            super().collect(digested)
            raise RuntimeError("full")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="full"):
        lr.partition(MNIST.network, MNIST.window, sink=Full(), threads=2)
    assert threading.active_count() == before, "no thread is left"


def test_a_sink_is_pickled_for_other_processes() -> None:
    sink = Recorder()
    sink.calls = [threading.Lock()]  # cannot be pickled: only what `__getstate__` gives is
    with pytest.raises(TypeError):
        pickle.dumps(sink.calls)
    with ProcessPoolExecutor(1) as executor:
        lr.partition(THREE.network, THREE.window, sink=sink, executor=executor)
    here = lr.partition(THREE.network, THREE.window, sink=Recorder())
    assert len(sink.batches) == len(here.batches)
    for there, batch in zip(sink.batches, here.batches, strict=True):
        assert np.array_equal(there["vertices"], batch["vertices"])


class OneAtATime:
    """The least that an executor must have."""

    def __init__(self) -> None:
        self.submitted = 0

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        self.submitted += 1
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future


def test_anything_with_submit_is_an_executor() -> None:
    executor: Any = OneAtATime()
    assert lr.count_regions(MNIST.network, MNIST.window, executor=executor) == 7939
    assert executor.submitted == 27


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sink": RegionStatistics}, InvalidTypeError, r"`sink` is <class.*RegionStatistics.*partition needs an inst"),
        ({"sink": "npz"}, InvalidTypeError, r"`sink` is 'npz' \(str\), but partition needs an instance"),
        ({"executor": 4}, InvalidTypeError, "`executor` is int, but partition needs a concurrent.futures.Executor"),
        ({"memory_limit": 0}, InvalidValueError, "`memory_limit` is 0, but partition needs at least 1"),
        ({"memory_limit": 1e9}, InvalidTypeError, "`memory_limit` is 1000000000.0 .float., but partition needs an in"),
        (
            {"domain": [MNIST.window], "sink": RegionStatistics()},
            InvalidTypeError,
            "`domain` is a list of 1 domains, but partition with a `sink` needs one PlaneWindow",
        ),
        (
            {"domain": lr.Segment(np.zeros(784), np.ones(784)), "sink": RegionStatistics()},
            InvalidTypeError,
            "`domain` is Segment, but partition with a `sink` needs one PlaneWindow",
        ),
    ],
)
def test_bad_arguments(options: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {"network": MNIST.network, "domain": MNIST.window, **options}
    with pytest.raises(error, match=message):
        lr.partition(**arguments)


@pytest.mark.parametrize("cells", [0, -3, 2.5, "all"])
def test_impossible_batches(cells: Any) -> None:
    sink = Recorder()
    sink.cells_in_batch = cells
    with pytest.raises((InvalidValueError, InvalidTypeError), match=f"`sink.cells_in_batch` is '?{cells}'?"):
        lr.partition(MNIST.network, MNIST.window, sink=sink)


def test_an_unfinished_sink_cannot_be_made() -> None:
    class Half(Sink):
        def digest(self, batch: RegionBatch) -> Any:
            return None

    with pytest.raises(TypeError, match="abstract"):
        Half()  # type: ignore[abstract]
