"""A whole partition handed to a sink, as one cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.exact.planes.border import sides_of
from linregions.networks.network import Network
from linregions.networks.switches import breakpoints_of_neurons
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.sink import BatchRecord, PlaneSummary, RegionBatch, Sink


def hand_over(part: PlanePartition, sink: Sink) -> Any:
    """Return what a sink makes of a partition."""
    n_vertices, n_edges, n_regions = len(part.vertices), len(part.edges), part.n_regions
    sizes = [n_vertices, n_edges, n_regions]
    patterns = part.pattern_words if sink.needs_patterns else part.pattern_words[:0]
    batch = RegionBatch(
        network=part.network,
        window=part.window,
        cells=np.zeros(1, dtype=np.int64),
        cell_sizes=np.array([[*sizes, len(part.face_vertices), 0]]),
        vertices=part.vertices.copy(),
        root_vertex=_corners(part),
        edge=np.concatenate([part.edges.T, _switches(part)[None]]).astype(np.int32),
        face_offsets=part.face_offsets.astype(np.int32),
        side=np.stack([part.face_vertices, part.face_edges]).astype(np.int32),
        pattern_words=patterns.copy(),
        chain=np.zeros((2, 0), dtype=np.int32),
        record=BatchRecord(np.array(sizes), np.zeros((2, 0), dtype=np.int64), 0, 0, np.inf, 0),
    )
    sink.attempt = 1
    sink.begin(part.network, part.window, float(part.diagnostics["relative_tolerance"]))
    sink.collect(sink.digest(batch))
    return sink.finish(PlaneSummary(n_regions, n_vertices, n_edges, part.diagnostics))


def _corners(part: PlanePartition) -> npt.NDArray[np.int32]:
    """Return the numbers of the window's corners, which are the first of a root's vertices, and -1 for others."""
    side = next(sides_of(part.window.polygon, part.vertices, part.edges, part.edge_faces))
    ends, low, high = part.edges[side >= 0], *np.full((2, len(part.vertices)), -1, dtype=np.int32)
    own = np.repeat(side[side >= 0], 2)
    low[:] = len(part.window.polygon)
    np.minimum.at(low, ends.ravel(), own)
    np.maximum.at(high, ends.ravel(), own)
    found = np.full(len(part.vertices), -1, dtype=np.int32)
    corners = np.flatnonzero(low < high)
    found[corners] = np.arange(corners.size)
    return found


def _switches(part: PlanePartition) -> npt.NDArray[np.int64]:
    """Return the switch of every edge, -1 on the border."""
    network, neuron = part.network, part.edge_neuron
    if network.is_chain:
        counts = breakpoints_of_neurons(network)
        first = np.append(np.cumsum(counts) - counts, -1)
        return np.asarray(np.where(neuron >= 0, first[neuron] + part.edge_breakpoint, -1), dtype=np.int64)
    numbering = network.numbering
    of_neuron, of_breakpoint = numbering.tables
    lowest = np.full(network.n_neurons + 1, -1, dtype=np.int64)
    plain = np.flatnonzero((of_breakpoint == 0) & (numbering.switch_comparison < 0))
    lowest[of_neuron[plain]] = plain
    found = np.where(neuron >= 0, lowest[neuron] + part.edge_breakpoint, -1)
    window_of = {int(n): w for w, n in enumerate(numbering.window_neuron)}
    for edge in np.flatnonzero(np.isin(neuron, numbering.window_neuron)).tolist():
        winners = part.patterns[part.edge_faces[edge], neuron[edge]].tolist()
        found[edge] = numbering.comparison_switch[_between(network, window_of[int(neuron[edge])], *winners)]
    return np.asarray(found, dtype=np.int64)


def _between(network: Network, window: int, one: int, other: int) -> int:
    """Return the comparison of a maximum in which two entries meet."""
    tournament = network.numbering.tournament
    ways = []
    for entry in (one, other):
        at, way = int(tournament.leaf[tournament.first_leaf[window] + entry]), []
        while at >= 0:
            way.append(at)
            at = int(tournament.parent[at])
        ways.append(way)
    return next(at for at in ways[0] if at in ways[1])
