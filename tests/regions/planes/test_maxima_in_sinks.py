"""Sinks of networks with maxima say what the collected partition says, however the window is cut to cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlanePartition, PlaneWindow
from linregions.regions.options import Options
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.find import run_sink
from linregions.regions.planes.sinks.statistics import PlaneStatistics
from linregions.regions.planes.sinks.streamed import StreamedRegions
from tests.regions.planes.test_closed_entries import pooled
from tests.support.graph_cases import degenerate_case, random_window
from tests.support.hand_graphs import Hand, pixels

KNOBS = {
    "many cells": Knobs(cell_switches=2),
    "blocks": Knobs(cell_switches=2, most_lines=4, lines_in_block=3),
}


def maxout(seed: int) -> tuple[Network, PlaneWindow]:
    """Return maxima of affine functions after ReLU, which lose and end on lines between cells."""
    rng = np.random.default_rng(seed)
    hand = Hand(pixels(1, 2))
    value = hand.step(hand.input.map(rng.normal(size=(10, 2)), rng.normal(size=10)), lr.RELU)
    value = hand.largest(value.map(rng.normal(size=(12, 10)), rng.normal(size=12)), [range(5), range(4, 12)])
    graph = hand.finish(value.map(np.ones((1, 2))), (2,))
    return Network.from_graph(graph), PlaneWindow.of_inputs([-2.0, -2.0], [2.0, 2.0])


def closed(seed: int) -> tuple[Network, PlaneWindow]:
    return pooled(seed), random_window(np.random.default_rng(seed), 3, exact=False)


def check_statistics(found: PlaneStatistics, whole: PlanePartition) -> None:
    sides = np.diff(whole.face_offsets)
    assert (found.n_regions, found.n_edges, found.n_vertices) == (
        whole.n_regions,
        len(whole.edges),
        len(whole.vertices),
    )
    assert np.array_equal(found.sides, np.bincount(np.minimum(sides, 64), minlength=65))
    order = np.argsort(-whole.areas, kind="stable")
    for region, number in zip(found.largest, order.tolist(), strict=False):
        assert region.area == pytest.approx(whole.areas[number])
        corners = whole.vertices[whole.face_vertices[whole.face_offsets[number] : whole.face_offsets[number + 1]]]
        assert sorted(map(tuple, region.corners.round(9))) == sorted(map(tuple, corners.round(9)))


@pytest.mark.parametrize("knobs", [None, *KNOBS])
@pytest.mark.parametrize("case", [maxout, closed, degenerate_case])
def test_statistics_are_those_of_the_partition(case: object, knobs: str | None) -> None:
    for seed in range(4):
        network, window = case(seed)  # type: ignore[operator]
        if network.is_chain:
            continue
        whole = lr.partition(network, window)
        given = Knobs() if knobs is None else KNOBS[knobs]
        for threads, cells_in_batch in ((1, None), (1, 1), (2, 3)):
            sink = lr.RegionStatistics(largest=5)
            sink.cells_in_batch = cells_in_batch
            check_statistics(run_sink(network, window, sink, Options(threads=threads), given), whole)


def edge_names(vertices: np.ndarray, edges: np.ndarray, *labels: np.ndarray) -> set[tuple[float, ...]]:
    """Return middles of edges with what they are called."""
    middles = vertices[edges].mean(axis=1).round(7) + 0.0
    return set(map(tuple, np.column_stack([middles, *labels]).tolist()))


@pytest.mark.parametrize("patterns", [True, False])
def test_edges_of_a_stream_are_named_as_in_the_partition(patterns: bool, tmp_path: Path) -> None:
    for seed in range(3):
        network, window = maxout(seed)
        whole = lr.partition(network, window)
        sink = lr.RegionStream(tmp_path / str(seed), patterns=patterns)
        regions: StreamedRegions = lr.partition(network, window, sink=sink)
        assert regions.manifest["n_vertices"] - regions.manifest["n_edges"] + regions.n_regions == 1
        expected = edge_names(whole.vertices, whole.edges, whole.edge_neuron, whole.edge_breakpoint)
        maxima = np.flatnonzero(whole.edge_neuron >= 10)
        assert len(set(whole.edge_breakpoint[maxima].tolist())) > 2
        found = set()
        for k in range(regions.n_parts):
            part = regions.part(k)
            assert part["pattern_words"].size > 0 or not patterns
            found |= edge_names(part["vertices"], part["edges"], part["edge_neuron"], part["edge_breakpoint"])
        shared = {name[:2] for name in expected} & {name[:2] for name in found}
        assert len(shared) > len(expected) // 2  # the others have a vertex within
        assert {name for name in found if name[:2] in shared} == {name for name in expected if name[:2] in shared}
