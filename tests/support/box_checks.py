"""Checks of the flat arrays of boxes: against the exact twin, and what must hold whatever the network."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from linregions import Network
from linregions.networks.switches import unpack_patterns
from linregions.regions.boxes.arrays import BoxCells
from tests.reference.exact_boxes import ExactBoxes, members


def members_of(offsets: np.ndarray, values: np.ndarray) -> list[list[int]]:
    """Return the parts of a flat array as lists."""
    return [part.tolist() for part in np.split(values, offsets[1:-1])]


def check_shapes(cells: BoxCells, network: Network) -> None:
    """Check that arrays fit each other and hold what they must."""
    c, d = cells, network.n_in
    n_cells, n_facets, n_vertices = len(c.volumes), len(c.facet_volumes), len(c.vertices)
    assert c.vertices.shape == (n_vertices, d)
    assert c.centroids.shape == (n_cells, d)
    assert c.cell_offsets.shape == (n_cells + 1,)
    assert c.facet_offsets.shape == (n_facets + 1,)
    assert c.pattern_words.shape[0] == n_cells
    assert c.facet_cells.shape == (n_facets, 2)
    for name in ("facet_neuron", "facet_breakpoint", "facet_side"):
        assert getattr(c, name).shape == (n_facets,)
    assert c.strata_activation.shape == c.face_counts.shape == (d + 1,)
    for offsets, values in ((c.cell_offsets, c.cell_vertices), (c.facet_offsets, c.facet_vertices)):
        assert offsets[0] == 0
        assert offsets[-1] == len(values)
        assert np.all(np.diff(offsets) >= (d + 1 if values is c.cell_vertices else d))
    for dtype, names in (
        (np.float64, "vertices volumes centroids facet_volumes strata_activation"),
        (np.int64, "cell_offsets facet_cells facet_offsets face_counts"),
        (np.int32, "cell_vertices facet_neuron facet_vertices"),
        (np.int16, "facet_breakpoint facet_side"),
        (np.uint64, "pattern_words"),
    ):
        for name in names.split():
            assert getattr(c, name).dtype == dtype, name
    assert np.array_equal(np.unique(c.cell_vertices), np.arange(n_vertices))


def check_invariants(cells: BoxCells, network: Network, volume: float, close: float = 1e-9) -> None:
    """Check what must hold whatever the network, that is for sizes beyond the twin too."""
    check_shapes(cells, network)
    c, d = cells, network.n_in
    patterns = unpack_patterns(network, c.pattern_words)
    assert len(np.unique(patterns, axis=0)) == len(patterns)
    assert np.all(c.volumes >= 0 if c.diagnostics["undecided"] else c.volumes > 0)
    tight = 1e-12 if close <= 1e-9 else close
    np.testing.assert_allclose(c.volumes.sum(), volume, rtol=tight)
    assert int(c.face_counts @ (-1) ** np.arange(d + 1)) == 1
    assert c.face_counts[0] == len(c.vertices)
    assert c.face_counts[-1] == len(c.volumes)
    assert c.face_counts[-2] == len(c.facet_volumes)
    np.testing.assert_allclose(c.strata_activation[0], volume, rtol=tight)
    inner = c.facet_side < 0
    assert np.array_equal(inner, c.facet_neuron >= 0)
    assert np.array_equal(inner, c.facet_breakpoint >= 0)
    assert np.array_equal(inner, c.facet_cells[:, 1] >= 0)
    assert np.all(c.facet_cells[:, 0] >= 0)
    np.testing.assert_allclose(c.facet_volumes[inner].sum(), c.strata_activation[1], rtol=1e-9, atol=close * volume)
    low, high = (patterns[c.facet_cells[inner, side]].astype(np.int16) for side in (0, 1))
    differs = low != high
    assert np.all(np.abs(low - high) <= 1), "a continuous neuron passes one breakpoint at a time"
    assert np.all(differs.any(axis=1))
    first = differs.argmax(axis=1)
    assert np.array_equal(first, c.facet_neuron[inner]), "the first neuron that switches"
    rows = np.arange(first.size)
    assert np.array_equal(low[rows, first], c.facet_breakpoint[inner])
    assert np.all(low[rows, first] < high[rows, first]), "the lower side comes first"
    of_cells = [set(part) for part in members_of(c.cell_offsets, c.cell_vertices)]
    for (one, other), corners in zip(c.facet_cells, members_of(c.facet_offsets, c.facet_vertices), strict=True):
        assert len(set(corners)) == len(corners)
        assert set(corners) <= of_cells[one]
        assert other < 0 or set(corners) <= of_cells[other]


def check_cells(cells: BoxCells, exact: ExactBoxes, close: float = 1e-9) -> list[int]:
    """Check that cells equal the exact ones in everything but rounding; return which exact cell each is."""
    c = cells
    patterns = unpack_patterns(exact.network, c.pattern_words).tolist()
    number = {pattern: k for k, pattern in enumerate(exact.patterns)}
    assert len(patterns) == len(number)
    match = [number[tuple(pattern)] for pattern in patterns]  # a KeyError: a pattern that does not exist
    assert sorted(match) == list(range(len(number)))
    assert c.face_counts.tolist() == exact.face_counts

    low, high = c.vertices.min(axis=0), c.vertices.max(axis=0)
    size, whole = float(np.max(high - low)), float(np.prod(high - low))
    np.testing.assert_allclose(c.volumes, exact.rounded_volumes[match], rtol=close, atol=close * whole)
    scale = whole * size ** -np.arange(exact.dimension + 1.0)
    assert np.all(np.abs(c.strata_activation - exact.strata()) <= close * (exact.strata() + scale))

    # Faces are compared by the cells that have them, not by places, since vertices may be as near as rounding.
    assert corner_table(members_of(c.cell_offsets, c.cell_vertices), match) == corner_table(
        [members(body) for body in exact.bodies], range(len(exact.bodies))
    )
    facets = exact.facets
    measures = exact.measures([facet.face for facet in facets], exact.dimension - 1)
    want = {
        (facet.cells, facet.neurons[0] if facet.neurons else -1, facet.breakpoint, facet.side): (
            len(members(facet.face)),
            measure,
        )
        for facet, measure in zip(facets, measures, strict=True)
    }
    names = [*match, -1]
    got = {
        ((names[a], names[b]), neuron, level, side): (size_, measure)
        for (a, b), neuron, level, side, size_, measure in zip(
            c.facet_cells.tolist(),
            c.facet_neuron.tolist(),
            c.facet_breakpoint.tolist(),
            c.facet_side.tolist(),
            np.diff(c.facet_offsets).tolist(),
            c.facet_volumes.tolist(),
            strict=True,
        )
    }
    assert len(got) == len(c.facet_volumes)
    assert got.keys() == want.keys()
    assert {key: n for key, (n, _) in got.items()} == {key: n for key, (n, _) in want.items()}
    found, known = (np.array([table[key][1] for key in want]) for table in (got, want))
    np.testing.assert_allclose(found, known, rtol=close, atol=close * scale[1])
    return match


def check_places(cells: BoxCells, exact: ExactBoxes, match: list[int], close: float = 1e-9) -> None:
    """Check where vertices and centroids are, in networks whose vertices are well apart."""
    size = float(np.ptp(cells.vertices, axis=0).max())
    corners = np.array([[x / corner[-1] for x in corner[:-1]] for corner in exact.corners])
    distances = np.abs(cells.vertices[:, None, :] - corners[None, :, :]).max(axis=2)
    nearest = distances.argmin(axis=1)
    assert np.array_equal(np.sort(nearest), np.arange(len(corners)))
    assert distances.min(axis=1).max() <= close * size
    for cell, body in zip(members_of(cells.cell_offsets, cells.cell_vertices), match, strict=True):
        assert sorted(nearest[cell].tolist()) == members(exact.bodies[body])
        inside = cells.vertices[cell]
        centroid = cells.centroids[match.index(body)]
        assert np.all((inside.min(axis=0) <= centroid + close * size) & (centroid <= inside.max(axis=0) + close * size))


def corner_table(cells: list[list[int]], names: Any) -> Counter[frozenset[int]]:
    """Return how many vertices each set of cells has in common and no other cell has."""
    around: dict[int, list[int]] = {}
    for cell, name in zip(cells, names, strict=True):
        for corner in cell:
            around.setdefault(corner, []).append(int(name))
    return Counter(map(frozenset, around.values()))
