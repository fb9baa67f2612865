"""Lines on the workers of an executor: the same bits, the caller's own network, and errors that come out."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.domains.windows import LineDomain
from linregions.errors import MemoryLimitError, NumericalError
from linregions.regions.kinds import KINDS
from linregions.regions.lines.partition import LinePartition
from tests.support import zoo
from tests.support.executors import ClusterClient

NETWORKS = {
    "random": lr.random_network([5, 24, 24, 24, 2], 0, bias_variance=0.1),
    "two breakpoints": lr.random_network([4, 20, 15, 2], 1, activation=lr.HARD_TANH, bias_variance=0.1),
    "no neurons": lr.random_network([3, 8, 2], 2, activation=lr.IDENTITY),
    "trained": zoo.golden("mnist_64x3_trained").network,
}
ARRAYS = ("breakpoints", "is_linear_boundary", "first_pattern", "switch_offsets", "switch_neurons")
ARRAYS += ("switch_breakpoints", "switch_directions", "slopes", "is_gradient_boundary")


def some_lines(n_in: int, n: int) -> list[LineDomain]:
    rng = np.random.default_rng(3)
    found: list[LineDomain] = []
    for _ in range(n):
        a, b = rng.normal(size=(2, n_in))
        found += [lr.Segment(a, b), lr.Line(a, b), lr.Ray(a, b), lr.Path([a, b, -a, a])]
    return found


def check_same_as_here(network: lr.Network, lines: Sequence[LineDomain], executor: Any, **options: Any) -> None:
    """Check counts and partitions of an executor to the last bit."""
    for kind in KINDS:
        there = lr.count_regions(network, lines, kind, executor=executor, **options)
        np.testing.assert_array_equal(there, lr.count_regions(network, lines, kind))
    here, parts = lr.partition(network, lines), lr.partition(network, lines, executor=executor, **options)
    assert len(here) == len(parts) == len(lines)
    for mine, part, line in zip(here, parts, lines, strict=True):
        assert isinstance(part, LinePartition)
        assert part.network is network
        assert part.domain is line
        assert part.diagnostics == mine.diagnostics
        for name in ARRAYS:
            theirs = getattr(part, name)
            assert theirs.dtype == getattr(mine, name).dtype
            assert name not in ARRAYS[:7] or not theirs.flags.writeable
            np.testing.assert_array_equal(theirs, getattr(mine, name))


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2) as executor:
        yield executor


@pytest.mark.parametrize("name", NETWORKS)
def test_processes_give_the_same_bits(name: str, processes: Executor) -> None:
    network = NETWORKS[name]
    check_same_as_here(network, some_lines(network.n_in, 12), processes)


@pytest.mark.parametrize("name", NETWORKS)
def test_threads_and_clients_give_the_same_bits(name: str) -> None:
    network = NETWORKS[name]
    with ThreadPoolExecutor(2) as workers:
        check_same_as_here(network, some_lines(network.n_in, 5), workers)
        check_same_as_here(network, some_lines(network.n_in, 2), ClusterClient(workers))


@pytest.mark.parametrize("options", [{"threads": 2}, {"memory_limit": 4_000_000}, {"progress": True}])
def test_other_options_beside_an_executor(processes: Executor, options: dict[str, Any]) -> None:
    network = NETWORKS["random"]
    check_same_as_here(network, some_lines(network.n_in, 4), processes, **options)


class Counting(Executor):
    """Works at once, in this thread, on copies of what it is given, as another process would."""

    def __init__(self) -> None:
        self.submitted: list[int] = []

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        packed = pickle.dumps((function, arguments))
        self.submitted.append(len(packed))
        function, arguments = pickle.loads(packed)
        future: Future[Any] = Future()
        try:
            future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        except Exception as error:
            future.set_exception(error)
        return future


def test_many_lines_are_cut_to_tasks_and_the_network_is_sent_once() -> None:
    network = lr.random_network([30, 128, 128, 128, 1], 0)
    lines, executor = some_lines(30, 250), Counting()
    np.testing.assert_array_equal(lr.count_regions(network, lines, executor=executor), lr.count_regions(network, lines))
    n_bytes = sum(layer.weight.nbytes for layer in network.layers)
    assert len(executor.submitted) > 2
    assert sum(size > n_bytes for size in executor.submitted) <= 1


def test_a_list_of_lines_and_windows(processes: Executor) -> None:
    network = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    mixed = [lr.Line([0.0, 0.0], [1.0, 0.3]), window, lr.Segment([0.0, 0.0], [1.0, 1.0])]
    here, there = (lr.count_regions(network, mixed, executor=which) for which in (None, processes))
    np.testing.assert_array_equal(here, there)


def test_errors_of_workers_come_out(processes: Executor) -> None:
    huge = lr.Network.from_layers([([[1e200]], [0.0]), ([[1e200]], [1.0]), ([[1.0]], [0.0])])
    line = lr.Segment([0.0], [1.0])
    with pytest.raises(NumericalError) as here:
        lr.partition(huge, line)
    with pytest.raises(NumericalError) as there:
        lr.partition(huge, line, executor=processes)
    assert str(here.value) == str(there.value)
    with pytest.raises(MemoryLimitError, match=r"but count_regions needs \d+ to take one line after the other"):
        lr.count_regions(NETWORKS["random"], some_lines(5, 1), memory_limit=10, executor=processes)
    assert processes.submit(math.sqrt, 4.0).result() == 2.0  # which goes on
    assert processes.submit(os.getpid).result() != os.getpid()
