"""Compare certified windows with exact arithmetic, and their proofs with changed ones."""

from __future__ import annotations

from collections import Counter

import numpy as np

import linregions as lr
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.proof import prove
from linregions.exact.planes.proposal import Proposal, Refuted
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.proofs import prove_partition
from tests.fuzz.families import Rng
from tests.fuzz.outcomes import REFUSED, judge
from tests.reference.exact_graph_partitions import graph_plane
from tests.reference.planes_exact import ExactPartition, partition_exactly
from tests.support.plane_checks import edge_table, exact_edge_table

_CHANGES = 8


def compare_window(network: lr.Network, window: lr.PlaneWindow, rng: Rng) -> tuple[str, str]:
    """Return outcome and text: of regions, vertices, edges and patterns, and of what the checker says."""
    try:
        part = lr.partition(network, window, certify=True)
    except lr.errors.LinRegionsError as error:
        return REFUSED, str(error)
    exact = partition_exactly(network, window) if network.is_chain else graph_plane(network.graph, window)
    wrong = differing(part, exact)
    proposal = prove_partition(part)[1]  # what is refuted here is an error
    accepted = [change for change in (mutated(proposal, rng) for _ in range(_CHANGES)) if _holds(part, change)]
    text = f"{part.n_regions} regions, exactly {exact.n_regions}; {wrong}; {accepted} accepted; {part.diagnostics}"
    return judge(not wrong and not accepted, 0, text)


def differing(part: PlanePartition, exact: ExactPartition) -> str:
    """Tell in what a partition differs from the exact one; empty where in nothing."""
    if Counter(map(bytes, part.patterns)) != Counter(bytes(pattern) for pattern in exact.patterns):
        return f"patterns ({part.n_regions} and {exact.n_regions})"
    if len(part.vertices) != len(exact.vertices):
        return f"vertices ({len(part.vertices)} and {len(exact.vertices)})"
    number = {pattern: k for k, pattern in enumerate(exact.patterns)}
    if edge_table(part, [number[tuple(p)] for p in part.patterns.tolist()]) != exact_edge_table(exact):
        return "edges"
    kinds = part.n_linear_regions, exact.n_linear_regions
    return f"linear regions {kinds}" if kinds[0] != kinds[1] else ""


def mutated(proposal: Proposal, rng: Rng) -> Proposal | None:
    """Return a proposal with one number changed, or two exchanged; None if that changes nothing."""
    if rng.uniform() < 0.25:
        return _rewired(proposal, rng)
    name = str(rng.choice(Proposal._fields))
    array = np.array(getattr(proposal, name))
    flat = array.reshape(-1)
    if not flat.size:
        return None
    at, other = rng.integers(flat.size, size=2)
    kind = int(rng.integers(4))
    if name == "words":
        flat[at] ^= np.uint64(1) << np.uint64(rng.integers(64))
    elif kind == 0:
        flat[at] = flat[other]
    elif kind == 1:
        flat[at] += rng.choice([-1, 1])
    elif kind == 2:
        flat[at], flat[other] = flat[other].copy(), flat[at].copy()
    else:
        flat[at] = rng.integers(-1, flat.max() + 2)
    return None if np.array_equal(array, getattr(proposal, name)) else proposal._replace(**{name: array})


def _rewired(proposal: Proposal, rng: Rng) -> Proposal | None:
    """Return a proposal in which two vertices are one, or two regions have exchanged their patterns; all else fits."""
    if rng.uniform() < 0.3 and len(proposal.words) > 1:
        words = proposal.words.copy()
        a, b = rng.choice(len(words), 2, replace=False)
        words[[a, b]] = words[[b, a]]
        return proposal._replace(words=words)
    a, b = rng.choice(int(proposal.edges.max()) + 1, 2, replace=False)
    ends, corners = (np.where(array == b, a, array) for array in (proposal.edges, proposal.face_vertices))
    ends, corners = (np.where(array > b, array - 1, array) for array in (ends, corners))
    return proposal._replace(edges=ends, face_vertices=corners)


def _holds(part: PlanePartition, proposal: Proposal | None) -> bool:
    if proposal is None:
        return False
    window = part.window
    try:
        prove(part.network, Frame.of(window.origin, window.basis, window.polygon), proposal)
    except Refuted:
        return False
    return True
