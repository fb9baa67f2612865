"""Proofs by compiled code: what they accept the proof in numpy accepts, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions.exact.planes.border import sides_of
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.proof import prove
from linregions.exact.planes.proposal import Proposal, Refuted
from linregions.networks.switches import canonical_words
from linregions.regions.planes import quick_proofs
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.quick_proofs import proved_quickly
from tests.fuzz.campaign import make
from tests.fuzz.certified_windows import mutated
from tests.fuzz.families import FAMILIES
from tests.support.zoo import golden


def claim_of(part: PlanePartition) -> tuple[Frame, Proposal]:
    window = part.window
    frame = Frame.of(window.origin, window.basis, window.polygon)
    side = next(sides_of(window.polygon, part.vertices, part.edges, part.edge_faces))
    words = canonical_words(part.network, part.pattern_words)
    return frame, Proposal(
        part.edges,
        part.edge_faces,
        side.astype(np.int32),
        part.face_offsets,
        part.face_vertices,
        part.face_edges,
        words,
    )


def is_proved(network: lr.Network, frame: Frame, proposal: Proposal, about: np.ndarray) -> bool:
    return proved_quickly(network, frame, proposal, about) is not None


def holds(network: lr.Network, frame: Frame, proposal: Proposal) -> bool:
    try:
        prove(network, frame, proposal)
    except Refuted:
        return False
    return True


@pytest.mark.parametrize("name", ["toy2d_10_5", "toy2d_32x3", "mnist_64x3_trained"])
def test_standard_cases_are_proved(name: str) -> None:
    case = golden(name)
    part = lr.partition(case.network, case.window)
    frame, proposal = claim_of(part)
    found = proved_quickly(case.network, frame, proposal, frame.local(part.vertices))
    assert found is not None
    assert found == prove(case.network, frame, proposal)


@pytest.mark.parametrize("shape", [(2, 40, 2), (3, 9, 70, 2), (2, 8, 7, 6, 5, 1)])
@pytest.mark.parametrize("activation", [lr.RELU, lr.HARD_TANH, lr.leaky_relu(0.25)])
def test_shapes_and_activations(shape, activation) -> None:
    net = lr.random_network(list(shape), 3, bias_variance=0.1, activation=activation)
    window = lr.PlaneWindow(np.full(shape[0], 0.1), np.eye(shape[0])[:2], np.array([[-2, -1.5], [2, -1.5], [0.5, 2.5]]))
    part = lr.partition(net, window)
    frame, proposal = claim_of(part)
    assert part.n_regions > 20
    assert is_proved(net, frame, proposal, frame.local(part.vertices))


def test_few_slots_are_made_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_proofs, "_ROOM", 2)
    case = golden("toy2d_32x3")
    part = lr.partition(case.network, case.window)
    frame, proposal = claim_of(part)
    assert is_proved(case.network, frame, proposal, frame.local(part.vertices))


def test_wrong_places_are_no_proof_and_no_harm() -> None:
    """Where vertices are said to be decides nothing."""
    case = golden("toy2d_10_5")
    part = lr.partition(case.network, case.window)
    frame, proposal = claim_of(part)
    about = frame.local(part.vertices)
    other, words = np.arange(len(about)), proposal.words.copy()
    words[[0, 1]] = words[[1, 0]]
    some = np.where(other[:, None] % 3, about, np.nan)
    for wrong in (about[::-1].copy(), about + 0.25, np.full(about.shape, np.nan), some, np.zeros(about.shape)):
        assert not is_proved(case.network, frame, proposal._replace(words=words), wrong)
        # Too many vertices are outside the boxes round these places, or the boxes tell nothing.
        assert not is_proved(case.network, frame, proposal, wrong)


def check_mutations(seed: int, n_problems: int, n_mutations: int) -> tuple[int, int]:
    """Return how many changed proposals there were, and how many right ones were proved."""
    rng, families = np.random.default_rng(seed), list(FAMILIES)
    n, n_proved = 0, 0
    for _ in range(n_problems):
        problem = make(7, families[int(rng.integers(len(families)))], int(rng.integers(1000)))
        try:
            part = lr.partition(problem.network, problem.window)
        except lr.errors.LinRegionsError:
            continue
        frame, proposal = claim_of(part)
        about = frame.local(part.vertices)
        if is_proved(problem.network, frame, proposal, about):
            n_proved += 1
            assert holds(problem.network, frame, proposal)
        for _ in range(n_mutations):
            changed = mutated(proposal, rng)
            if changed is not None:
                n += 1
                # Two vertices made one leave one place less.
                places = about[: int(changed.edges.max()) + 1]
                if is_proved(problem.network, frame, changed, places):
                    assert holds(problem.network, frame, changed)
    return n, n_proved


@pytest.mark.parametrize("seed", range(3))
def test_what_is_accepted_is_proved_in_numpy(seed: int) -> None:
    n, n_proved = check_mutations(seed, 20, 20)
    assert n > 100
    assert n_proved > 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 23))
def test_what_is_accepted_is_proved_in_numpy_at_length(seed: int) -> None:
    n, n_proved = check_mutations(seed, 100, 40)
    assert n > 1000
    assert n_proved > 20


def test_another_weight_is_found() -> None:
    """A partition is none of the network with a weight changed in its third digit, if some vertex passes a line."""
    case = golden("toy2d_32x3")
    part = lr.partition(case.network, case.window)
    frame, proposal = claim_of(part)
    about = frame.local(part.vertices)
    rng = np.random.default_rng(0)
    n_wrong = 0
    for _ in range(10):
        layers = [(layer.weight.copy(), layer.bias) for layer in case.network.layers]
        weights = layers[int(rng.integers(3))][0]
        weights[tuple(rng.integers(weights.shape))] += 1e-3
        net = lr.Network.from_layers(layers)
        if not holds(net, frame, proposal):
            n_wrong += 1
            assert not is_proved(net, frame, proposal, about)
    assert n_wrong
