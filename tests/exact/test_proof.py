"""The checker of windows: it accepts what is right, whatever made it, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.errors import LinRegionsError
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.proof import prove
from linregions.exact.planes.proposal import Refuted
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.proofs import prove_partition
from tests.exact.test_planes import exact_partition
from tests.fuzz.campaign import make
from tests.fuzz.certified_windows import mutated
from tests.fuzz.families import FAMILIES
from tests.support.graph_cases import degenerate_case, random_case
from tests.support.zoo import golden, small_cases


def frame_of(window: lr.PlaneWindow) -> Frame:
    return Frame.of(window.origin, window.basis, window.polygon)


def table(part: PlanePartition) -> tuple[int, Counter[Any]]:
    """Return what makes a partition, whatever the order of its parts."""
    names = [*map(bytes, part.patterns), b""]
    labels = zip(part.edge_faces.tolist(), part.edge_neuron.tolist(), part.edge_breakpoint.tolist(), strict=True)
    return len(part.vertices), Counter((*sorted((names[a], names[b])), *label) for (a, b), *label in labels)


def check_both(network: lr.Network, window: lr.PlaneWindow) -> None:
    """Check that the exact partition is proved, and that in floats if and only if it is the same."""
    exact = exact_partition(network, window)
    prove_partition(exact)
    try:
        fast = lr.partition(network, window)
    except LinRegionsError:
        return
    if table(fast) == table(exact):
        prove_partition(fast)
    else:
        with pytest.raises(Refuted):
            prove_partition(fast)


@pytest.mark.parametrize("family", FAMILIES)
def test_families_of_the_campaign(family: str) -> None:
    problem = make(6, family, 0)
    check_both(problem.network, problem.window)


@pytest.mark.parametrize("case", [random_case, degenerate_case])
@pytest.mark.parametrize("seed", range(200, 204))
def test_graphs(case, seed: int) -> None:
    check_both(*case(seed))


@pytest.mark.parametrize("seed", [876576142, 737213265])
def test_layers_that_read_one_site_of_several(seed: int) -> None:
    check_both(*random_case(seed))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 30))
@pytest.mark.parametrize("family", FAMILIES)
def test_families_at_length(family: str, number: int) -> None:
    problem = make(6, family, number)
    check_both(problem.network, problem.window)


@pytest.mark.slow
@pytest.mark.parametrize("case", [random_case, degenerate_case])
@pytest.mark.parametrize("seed", range(204, 300))
def test_graphs_at_length(case, seed: int) -> None:
    check_both(*case(seed))


@pytest.mark.slow
@pytest.mark.parametrize("case", small_cases(), ids=lambda case: case.name)
def test_cases(case) -> None:
    check_both(case.network, case.window)


@pytest.mark.parametrize("name", ["toy2d_10_5", "toy2d_32x3", "mnist_64x3_trained"])
def test_standard_cases_take_no_integers(name: str) -> None:
    case = golden(name)
    part = lr.partition(case.network, case.window, certify=True)
    assert part.n_regions == case.n_regions
    assert part.diagnostics["certified"]
    assert not part.diagnostics["mended"]
    assert part.diagnostics["exact_decisions"] == 0


def check_mutations(seed: int, n_problems: int, n_mutations: int) -> int:
    rng, families = np.random.default_rng(seed), list(FAMILIES)
    n = 0
    for _ in range(n_problems):
        which = int(rng.integers(len(families) + 2))
        number = int(rng.integers(1000))
        if which < len(families):
            problem = make(7, families[which], number)
            network, window = problem.network, problem.window
        else:
            network, window = (random_case, degenerate_case)[which - len(families)](number)
        _, proposal = prove_partition(exact_partition(network, window))
        for _ in range(n_mutations):
            changed = mutated(proposal, rng)
            if changed is not None:
                n += 1
                with pytest.raises(Refuted, match=r"^[a-z].*[a-z]$"):
                    prove(network, frame_of(window), changed)
    return n


@pytest.mark.parametrize("seed", range(5))
def test_no_mutation_is_accepted(seed: int) -> None:
    assert check_mutations(seed, 5, 30) > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5, 25))
def test_no_mutation_is_accepted_at_length(seed: int) -> None:
    assert check_mutations(seed, 50, 40) > 1000


def test_threads_share_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linregions.exact.planes.proof.VALUES_AT_ONCE", 1 << 9)
    for network, window in (degenerate_case(1), random_case(2)):
        part = exact_partition(network, window)
        assert prove_partition(part, 3)[0] == prove_partition(part)[0]


def test_two_vertices_as_one() -> None:
    """Faces that no edge at a vertex leads to from the face that looks at it are compared with it, too."""
    net = lr.Network.from_layers([([[1.0, 0.0], [1.0, 0.0]], [0.5, -0.5]), ([[1.0, 1.0]], [0.0])])
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    _, proposal = prove_partition(lr.partition(net, window))
    n = int(proposal.edges.max()) + 1
    for a in range(n):
        for b in range(a + 1, n):
            ends, corners = (np.where(x == b, a, x) for x in (proposal.edges, proposal.face_vertices))
            ends, corners = (np.where(x > b, x - 1, x) for x in (ends, corners))
            with pytest.raises(Refuted):
                prove(net, frame_of(window), proposal._replace(edges=ends, face_vertices=corners))


def test_two_regions_as_one() -> None:
    """A complex that is sound but for a line that is not there is refuted."""
    net = lr.Network.from_layers([(np.eye(2), [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    only = lr.Network.from_layers([([[1.0, 0.0], [0.0, 1.0]], [0.0, 9.0]), ([[1.0, 1.0]], [0.0])])
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    _, proposal = prove_partition(lr.partition(only, window))
    with pytest.raises(Refuted, match="a neuron has a sign at a vertex that the regions there do not have"):
        prove(net, frame_of(window), proposal)


def test_clockwise() -> None:
    net = lr.Network.from_layers([([[1.0, 0.0]], [9.0]), ([[1.0]], [0.0])])
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    _, proposal = prove_partition(lr.partition(net, window))
    turned = proposal._replace(edge_side=np.array([2, 1, 0, 3])[proposal.edge_side])
    with pytest.raises(Refuted, match="clockwise"):
        prove(net, frame_of(window), turned)
