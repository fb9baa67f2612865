"""Cells on the workers of an executor: processes, and a real Dask cluster with two workers, one of them killed."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network, RegionBatch, RegionStatistics, RegionStream
from linregions._support import remote as _plane_remote
from linregions.errors import MemoryLimitError
from linregions.regions.options import Options
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.engine.run import WindowRecipe, tried_bands
from linregions.regions.planes.find import partition_plane, run_sink
from linregions.regions.planes.partition import PlanePartition
from tests.support import zoo
from tests.support.executors import ClusterClient
from tests.support.statistics_checks import same_statistics

SMALL = {case.name: case for case in zoo.small_cases()}
CASES = [
    zoo.golden("toy2d_32x3"),
    zoo.golden("mnist_64x3_trained"),
    SMALL["relu, whole numbers"],
    SMALL["three breaks"],
    SMALL["dead last layer"],
    SMALL["no hidden layer"],
]
ARRAYS = ("vertices", "edges", "edge_neuron", "edge_breakpoint", "edge_faces", "face_offsets", "face_vertices")
ARRAYS += ("face_edges", "pattern_words", "areas")


def check_same_as_here(case: zoo.Case, executor: Executor | ClusterClient, folder: Path) -> None:
    """Check counts, statistics, partitions and streams of an executor to the last bit."""
    net, window = case.network, case.window
    for kind in ("activation", "linear", "gradient"):
        assert lr.count_regions(net, window, kind, executor=executor) == lr.count_regions(net, window, kind)
    here, there = (
        lr.partition(net, window, sink=RegionStatistics(linear=True, gradient=True, nearest=2), executor=which)
        for which in (None, executor)
    )
    assert same_statistics(here, there)
    check_partitions(partition_plane(net, window), lr.partition(net, window, executor=executor))
    streamed = [
        lr.partition(net, window, sink=RegionStream(folder / case.name / str(k)), executor=which)
        for k, which in enumerate((None, executor))
    ]
    assert streamed[0].manifest == streamed[1].manifest
    assert np.array_equal(streamed[0].areas, streamed[1].areas)


def check_partitions(here: PlanePartition, there: PlanePartition) -> None:
    assert all(np.array_equal(getattr(here, name), getattr(there, name)) for name in ARRAYS)
    assert here.diagnostics == there.diagnostics


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2) as executor:
        yield executor


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_processes_give_the_same_bits(case: zoo.Case, processes: Executor, tmp_path: Path) -> None:
    check_same_as_here(case, processes, tmp_path)


def test_a_relative_folder_is_that_of_the_caller(
    processes: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.submit(os.getpid).result()  # it has started, elsewhere
    monkeypatch.chdir(tmp_path)
    case = CASES[0]
    regions = lr.partition(case.network, case.window, sink=RegionStream("regions"), executor=processes)
    assert len(list((tmp_path / "regions" / "parts").iterdir())) == regions.n_parts == 1


class Fails(RegionStatistics):
    def digest(self, batch: RegionBatch) -> Any:
        raise ZeroDivisionError(f"cell {batch.cells[0]} in {os.getpid()}")


def test_errors_of_workers_come_out(processes: Executor) -> None:
    case = CASES[1]
    with pytest.raises(ZeroDivisionError, match="cell 0 in ") as caught:
        lr.partition(case.network, case.window, sink=Fails(), executor=processes)
    assert str(os.getpid()) not in str(caught.value)
    with pytest.raises(
        MemoryLimitError,
        match=r"`memory_limit` is \d+ bytes, but count_regions needs \d+ to work one cell of this window",
    ):
        lr.count_regions(case.network, case.window, memory_limit=1_000_000, executor=processes)
    assert lr.count_regions(case.network, case.window, executor=processes) == 7939


class Counting:
    """An executor that notes how many bytes are sent."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.sent: list[int] = []

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        self.sent.append(len(pickle.dumps((function, arguments))))
        return self.executor.submit(function, *arguments)


def check_that_the_network_is_sent_once(executor: Executor, workers: int) -> None:
    """Check what is sent to workers that have not seen this network, and then to the same ones."""
    case = zoo.golden("mnist_128x3_trained")
    net = Network.from_layers([(layer.weight, layer.bias * (1 + 1e-9)) for layer in case.network.layers])
    size = sum(layer.weight.nbytes for layer in net.layers)
    assert size > 900_000
    expected = lr.count_regions(net, case.window)
    sent = []
    for _ in range(2):
        counting: Any = Counting(executor)
        assert lr.count_regions(net, case.window, executor=counting) == expected
        sent.append(counting.sent)
    for sizes in sent:
        assert sum(k > size for k in sizes) <= 2 * workers, "the second worker may miss what was meant for it"
        assert sum(sizes) < (2 * workers + 1) * 1.5 * size
        assert max(k for k in sizes if k < size) < 1000
        assert len(sizes) >= 53
    assert sum(sent[1]) < size + 2 * 53 * 1000


def test_processes_get_the_network_once(processes: Executor) -> None:
    check_that_the_network_is_sent_once(processes, 2)


class Farm:
    """Workers with memories of their own, any of which may take a task, or be replaced by one that knows nothing."""

    def __init__(self, workers: int, replaced: float, patch: pytest.MonkeyPatch) -> None:
        self.memories: list[tuple[str, dict[str, Any]]] = [(f"worker {k}", {}) for k in range(workers)]
        self.rng, self.replaced, self.patch = np.random.default_rng(workers), replaced, patch
        self.jobs_sent = self.sent = 0

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        self.sent += 1
        self.jobs_sent += arguments[1] is not None
        k = self.rng.integers(len(self.memories))
        if self.rng.random() < self.replaced:
            self.memories[k] = (f"worker {k}, {self.sent}", {})
        name, memory = self.memories[k]
        self.patch.setattr(_plane_remote, "_own", {})
        self.patch.setattr(_plane_remote, "_known", memory)
        self.patch.setattr(_plane_remote, "_name", lambda _: name)
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future


@pytest.mark.parametrize(("workers", "replaced"), [(1, 0.0), (2, 0.0), (5, 0.0), (3, 0.2), (2, 1.0)])
@pytest.mark.parametrize("small", [0, 1 << 30])
def test_workers_that_know_nothing_are_told(
    workers: int, replaced: float, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[0]
    tasks = lr.partition(case.network, case.window).diagnostics["cells"]
    farm: Any = Farm(workers, replaced, monkeypatch)
    expected = lr.partition(case.network, case.window, sink=RegionStatistics())
    found = run_sink(case.network, case.window, RegionStatistics(), Options(executor=farm), Knobs(small_job=small))
    assert same_statistics(found, expected)
    if small:
        assert farm.sent == farm.jobs_sent == tasks
    else:
        assert farm.sent > tasks
        assert farm.jobs_sent <= (tasks if replaced else 2 * workers), "what one lacks may come to one that has it"
        assert replaced == 1.0 or farm.jobs_sent < tasks


def test_a_worker_remembers_two_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_plane_remote, "_known", {})
    tolerances = lr.Tolerances()
    one = np.arange(1)
    for k, case in enumerate(CASES[:3]):
        job = tried_bands(case.network, case.window, tolerances, False)[0]
        packed = pickle.dumps(WindowRecipe(job, RegionStatistics(), 1, None))
        assert not _plane_remote.work_remotely(str(k), None, one).knew
        assert _plane_remote.work_remotely(str(k), packed, one).knew
        assert _plane_remote.work_remotely(str(k), None, one).result is not None
    answered = [_plane_remote.work_remotely(str(k), None, one).knew for k in range(3)]
    assert answered == [False, True, True]


def test_a_task_that_a_worker_gets_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Dask has it when results are lost: the cells are found as before."""
    monkeypatch.setattr(_plane_remote, "_known", {})
    case = zoo.golden("mnist_64x3_trained")
    job = tried_bands(case.network, case.window, lr.Tolerances(), False)[0]
    packed = pickle.dumps(WindowRecipe(job, RegionStatistics(), 27, None))
    for cells in (np.arange(27), np.arange(5, 12)):
        first, again = (_plane_remote.work_remotely("job", packed, cells).result for _ in range(2))
        assert first is not None
        assert again is not None
        assert first.batches[0].record.sizes.tolist() == again.batches[0].record.sizes.tolist()
    assert first.batches[0].record.sizes[2] > 0


def test_a_client_in_place_of_its_executor(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as workers:
        check_same_as_here(CASES[0], ClusterClient(workers), tmp_path)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as made:
        yield made


@pytest.mark.slow
def test_two_dask_workers_give_the_same_bits(cluster: Any, tmp_path: Path) -> None:
    from distributed import Client

    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2)
        for case in CASES:
            check_same_as_here(case, client, tmp_path)
        check_that_the_network_is_sent_once(client.get_executor(), 2)


class Slow(RegionStatistics):
    """Statistics that take their time, and leave a mark where they were made."""

    def __init__(self, folder: Path) -> None:
        super().__init__(linear=True, gradient=True, nearest=2)
        self.folder = folder

    def digest(self, batch: RegionBatch) -> Any:
        time.sleep(0.1)
        (self.folder / f"{batch.cells[0]}-{os.getpid()}").touch()
        return super().digest(batch)


@pytest.mark.slow
def test_a_dask_worker_killed_in_the_middle(cluster: Any, tmp_path: Path) -> None:
    from distributed import Client

    case = zoo.golden("mnist_128x3_trained")
    expected = lr.partition(case.network, case.window, sink=RegionStatistics(linear=True, gradient=True, nearest=2))
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2)
        before = client.run(os.getpid)
        victim = next(iter(before.values()))
        done = []

        def kill() -> None:
            while sum(path.name.endswith(f"-{victim}") for path in tmp_path.iterdir()) < 4:
                time.sleep(0.01)
            os.kill(victim, signal.SIGKILL)
            done.append(len(list(tmp_path.iterdir())))

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        found = lr.partition(case.network, case.window, sink=Slow(tmp_path), executor=client.get_executor())
        thread.join(30)
        assert victim not in client.run(os.getpid).values()
    assert 4 <= done[0] < 53
    assert same_statistics(found, expected)
