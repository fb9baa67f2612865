"""Windows with `certify=True`: every way to ask, and what is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, MemoryLimitError
from linregions.exact.planes import proof
from tests.fuzz.campaign import make
from tests.reference.exact_graph_partitions import graph_plane
from tests.reference.planes_exact import partition_exactly
from tests.support.graph_cases import degenerate_case
from tests.support.plane_checks import check_against, check_same

NETWORK = lr.random_network([2, 12, 12, 2], 0, bias_variance=0.1)
WINDOW = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])


def test_what_floats_find_is_proved() -> None:
    part = lr.partition(NETWORK, WINDOW, certify=True)
    check_same(part, lr.partition(NETWORK, WINDOW))
    told = {name: part.diagnostics[name] for name in ("certified", "mended", "undecided", "exact_decisions")}
    assert told == {"certified": True, "mended": False, "undecided": 0, "exact_decisions": 0}


@pytest.mark.parametrize("kind", ["activation", "linear", "gradient"])
def test_counts_of_all_kinds(kind: str) -> None:
    network, window = degenerate_case(0)
    exact = graph_plane(network.graph, window)
    expected = {"activation": exact.n_regions, "linear": exact.n_linear_regions, "gradient": exact.n_gradient_regions}
    assert lr.count_regions(network, window, kind=kind, certify=True) == expected[kind]


@pytest.mark.parametrize("seed", range(4))
def test_sinks_take_what_is_certified(seed: int) -> None:
    network, window = degenerate_case(seed)
    part = lr.partition(network, window, certify=True)
    found = lr.partition(network, window, sink=lr.RegionStatistics(linear=True, gradient=True), certify=True)
    assert (found.n_regions, found.n_vertices, found.n_edges) == (part.n_regions, len(part.vertices), len(part.edges))
    assert (found.n_linear_regions, found.n_gradient_regions) == (part.n_linear_regions, part.n_gradient_regions)
    assert found.diagnostics["certified"]
    np.testing.assert_allclose(found.boundary_length, part.boundary_length)


def test_streams_take_what_is_certified(tmp_path) -> None:
    found = lr.partition(NETWORK, WINDOW, sink=lr.RegionStream(tmp_path), certify=True)
    assert found.n_regions == lr.count_regions(NETWORK, WINDOW)
    assert found.diagnostics["certified"]


def test_threads_executors_and_batches() -> None:
    expected = lr.count_regions(NETWORK, WINDOW)
    with ThreadPoolExecutor(2) as executor:
        for options in ({"threads": 2}, {"executor": executor}, {"progress": True}, {"memory_limit": 10**9}):
            assert lr.partition(NETWORK, WINDOW, certify=True, **options).n_regions == expected
    assert lr.count_regions(NETWORK, [WINDOW, WINDOW], certify=True).tolist() == [expected] * 2


def test_a_limit_holds_for_the_proof() -> None:
    with pytest.raises(MemoryLimitError, match="`memory_limit` is 10000 bytes"):
        lr.partition(NETWORK, WINDOW, certify=True, memory_limit=10_000)


def test_a_limit_that_a_partition_keeps_and_its_proof_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linregions.regions.planes.certify._BYTES_OF_A_CORNER", 10**6)
    limit = 10**8
    assert lr.partition(NETWORK, WINDOW, memory_limit=limit).n_regions
    with pytest.raises(MemoryLimitError, match="to keep and to prove the regions of this window") as found:
        lr.partition(NETWORK, WINDOW, certify=True, memory_limit=limit)
    assert lr.partition(NETWORK, WINDOW, certify=True, memory_limit=found.value.needed).n_regions


def test_what_cannot_be_proved_is_found_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def refute(*_) -> None:
        raise proof.Refuted("it is not")

    monkeypatch.setattr("linregions.regions.planes.certify.prove_partition", refute)
    part = lr.partition(NETWORK, WINDOW, certify=True)
    assert part.diagnostics["mended"]
    check_against(part, partition_exactly(NETWORK, WINDOW))


def test_a_limit_holds_for_the_exact_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refute(*_) -> None:
        raise proof.Refuted("it is not")

    monkeypatch.setattr("linregions.regions.planes.certify.prove_partition", refute)
    monkeypatch.setattr("linregions.regions.planes.certify._BYTES_OF_A_REGION", 10**9)
    with pytest.raises(MemoryLimitError, match="to find this window's regions exactly"):
        lr.partition(NETWORK, WINDOW, certify=True, memory_limit=10**9)


@pytest.mark.parametrize("number", range(8))
def test_where_floats_are_wrong(number: int) -> None:
    """Lines through one point but for rounding make tiny regions, which floats mostly miss."""
    problem = make(6, "without_bias_rounded", number)
    part = lr.partition(problem.network, problem.window, certify=True)
    exact = partition_exactly(problem.network, problem.window)
    assert (part.n_regions, len(part.edges)) == (exact.n_regions, len(exact.edges))
    assert part.n_linear_regions == exact.n_linear_regions


@pytest.mark.parametrize("value", [1, None, "yes"])
def test_certify_is_yes_or_no(value) -> None:
    with pytest.raises(InvalidTypeError, match=r"`certify` is .*, but partition needs True or False"):
        lr.partition(NETWORK, WINDOW, certify=value)


def test_files_keep_what_was_told(tmp_path) -> None:
    part = lr.partition(NETWORK, WINDOW, certify=True)
    part.save(tmp_path / "part.npz")
    assert lr.PlanePartition.load(tmp_path / "part.npz").diagnostics == part.diagnostics
