"""What must hold for every plane partition, and what must equal the exact twin."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest

from linregions import Network
from linregions.regions.planes.engine import cell_run as _plane_worker
from linregions.regions.planes.engine import narrow as _plane_narrow
from linregions.regions.planes.engine import prepare as _plane_work
from linregions.regions.planes.engine.narrow import CellsWanted
from linregions.regions.planes.partition import PlanePartition
from tests.reference.planes_exact import ExactPartition


def faces(partition: PlanePartition) -> list[np.ndarray]:
    """Return the vertex numbers of each face, counter-clockwise."""
    offsets = partition.face_offsets
    return [partition.face_vertices[a:b] for a, b in itertools.pairwise(offsets)]


def face_means(partition: PlanePartition) -> np.ndarray:
    """Return the mean of each face's vertices, shape (F, 2)."""
    starts, sizes = partition.face_offsets[:-1], np.diff(partition.face_offsets)
    sums = np.add.reduceat(partition.vertices[partition.face_vertices], starts, axis=0)
    return np.asarray(sums / sizes[:, None])


def next_corner(partition: PlanePartition) -> np.ndarray:
    """Return where in `face_vertices` the corner after each corner is."""
    after = np.arange(1, len(partition.face_vertices) + 1)
    after[partition.face_offsets[1:] - 1] = partition.face_offsets[:-1]
    return after


def edge_lengths(partition: PlanePartition) -> np.ndarray:
    """Return the Euclidean length of each edge."""
    ends = partition.vertices[partition.edges]
    return np.linalg.norm((ends[:, 1] - ends[:, 0]) @ partition.window.basis, axis=1)


def diameter(partition: PlanePartition) -> float:
    """Return the size of the window in plane coordinates."""
    return float(np.ptp(partition.window.polygon, axis=0).max())


def check_invariants(partition: PlanePartition, close: float = 1e-9) -> None:
    """Check all that a partition must satisfy whatever the network."""
    check_shapes(partition)
    check_incidence(partition)
    check_geometry(partition, close)
    check_patterns(partition)
    check_affine_maps(partition, close)


def check_shapes(partition: PlanePartition) -> None:
    p, net = partition, partition.network
    n_vertices, n_edges, n_faces = len(p.vertices), len(p.edges), p.n_regions
    assert n_vertices - n_edges + n_faces == 1
    assert p.vertices.shape == (n_vertices, 2)
    assert p.edges.shape == p.edge_faces.shape == (n_edges, 2)
    assert p.edge_neuron.shape == p.edge_breakpoint.shape == (n_edges,)
    assert p.face_offsets.shape == (n_faces + 1,)
    assert p.face_offsets[0] == 0
    assert p.face_offsets[-1] == len(p.face_vertices)
    assert p.patterns.shape == (n_faces, net.n_neurons)
    assert p.patterns.dtype == np.uint8
    assert p.areas.shape == p.perimeters.shape == p.linear_labels.shape == (n_faces,)
    assert p.affine_maps.shape == (n_faces, net.n_out, 3)
    assert isinstance(p.diagnostics, dict)
    assert np.array_equal(np.unique(p.linear_labels), np.arange(p.n_linear_regions))


def check_incidence(partition: PlanePartition) -> None:
    """Check that the faces' cycles and the edges tell the same."""
    p = partition
    assert np.array_equal(np.unique(p.edges), np.arange(len(p.vertices)))
    assert np.all(p.edges[:, 0] != p.edges[:, 1])
    assert len({tuple(sorted(edge)) for edge in p.edges.tolist()}) == len(p.edges)
    owner = np.repeat(np.arange(p.n_regions), np.diff(p.face_offsets))
    after = p.face_vertices[next_corner(p)]
    # Going round a face, its edge either runs along and has the face on its left, or back and has it on its right.
    along = p.edges[p.face_edges, 0] == p.face_vertices
    ends = np.where(along[:, None], p.edges[p.face_edges], p.edges[p.face_edges][:, ::-1])
    assert np.array_equal(ends, np.stack([p.face_vertices, after], axis=1))
    assert np.array_equal(np.where(along, p.edge_faces[p.face_edges, 0], p.edge_faces[p.face_edges, 1]), owner)
    assert len(owner) == np.count_nonzero(p.edge_faces >= 0)
    on_border = (p.edge_faces < 0).sum(axis=1)
    assert on_border.max(initial=0) <= 1
    assert np.array_equal(on_border == 1, p.edge_neuron < 0)
    assert np.array_equal(p.edge_neuron < 0, p.edge_breakpoint < 0)
    assert np.all(p.edge_neuron[on_border == 1] == -1)


def check_geometry(partition: PlanePartition, close: float) -> None:
    p, size = partition, diameter(partition)
    lengths = edge_lengths(p)
    assert np.all(lengths > 0)
    starts, sizes, after = p.face_offsets[:-1], np.diff(p.face_offsets), next_corner(p)
    assert sizes.min() >= 3
    points = p.vertices[p.face_vertices]
    step = points[after] - points
    onward = step[after]
    turns = step[:, 0] * onward[:, 1] - step[:, 1] * onward[:, 0]
    # A vertex that is off by `close` turns its two sides by no more than this.
    slack = close * size * (np.abs(step).sum(axis=1) + np.abs(onward).sum(axis=1))
    assert np.all(turns >= -slack), "faces are convex and counter-clockwise"
    angles = np.arctan2(turns, np.sum(step * onward, axis=1))
    fat = p.areas > 1e-3 * close * p.window.area
    np.testing.assert_allclose(np.add.reduceat(angles, starts)[fat], 2 * np.pi, rtol=1e-9)
    u, v = (points - np.repeat(points[starts], sizes, axis=0)).T
    areas = 0.5 * np.add.reduceat(u * v[after] - u[after] * v, starts) * p.window.area_factor
    np.testing.assert_allclose(p.areas, areas, rtol=1e-9, atol=1e-14 * p.window.area)
    assert np.all(p.areas > 0)
    tight = 1e-12 if close <= 1e-9 else close
    assert abs(p.areas.sum() - p.window.area) <= tight * p.window.area
    perimeters = np.zeros(p.n_regions)
    for side in p.edge_faces.T:
        np.add.at(perimeters, side[side >= 0], lengths[side >= 0])
    np.testing.assert_allclose(p.perimeters, perimeters, rtol=1e-9)
    np.testing.assert_allclose(p.boundary_length, lengths[p.edge_neuron >= 0].sum(), rtol=1e-12, atol=0)
    check_border(p, close)


def check_border(partition: PlanePartition, close: float) -> None:
    """Check that border edges run along the window's sides and cover them."""
    p, size = partition, diameter(partition)
    border = p.vertices[p.edges[p.edge_neuron < 0]]
    corners = p.window.polygon
    sides = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([-sides[:, 1], sides[:, 0]], axis=1) / np.linalg.norm(sides, axis=1)[:, None]
    heights = np.einsum("ekc,sc->eks", border, normals) - np.sum(corners * normals, axis=1)
    assert np.all(np.abs(heights).max(axis=1).min(axis=1) <= close * size)
    inside = p.vertices @ normals.T - np.sum(corners * normals, axis=1)
    assert np.all(inside >= -close * size)
    length = np.linalg.norm(border[:, 1] - border[:, 0], axis=1).sum()
    np.testing.assert_allclose(length, np.linalg.norm(sides, axis=1).sum(), rtol=max(close, 1e-12))


def check_patterns(partition: PlanePartition) -> None:
    p = partition
    assert len(np.unique(p.patterns, axis=0)) == p.n_regions
    limits = np.concatenate(
        [np.zeros(0, dtype=int)]
        + [
            np.full(layer.bias.size, activation.n_breakpoints)
            for layer, activation in zip(p.network.layers[:-1], p.network.activations, strict=True)
            if activation.n_breakpoints
        ]
    )
    assert np.all(p.patterns <= limits)
    inner = np.flatnonzero(p.edge_neuron >= 0)
    if not inner.size:
        assert p.n_regions == 1
        return
    left, right = (p.patterns[p.edge_faces[inner, side]].astype(np.int16) for side in (0, 1))
    assert np.all(np.abs(left - right) <= 1), "a continuous neuron passes one breakpoint at a time"
    differs = left != right
    assert np.all(differs.any(axis=1))
    assert np.array_equal(differs.argmax(axis=1), p.edge_neuron[inner]), "the first neuron that switches"
    rows = np.arange(inner.size)
    lower = np.minimum(left, right)[rows, p.edge_neuron[inner]]
    assert np.array_equal(lower, p.edge_breakpoint[inner])


def check_affine_maps(partition: PlanePartition, close: float) -> None:
    p = partition
    means = face_means(p)
    homogeneous = np.concatenate([means, np.ones((len(means), 1))], axis=1)
    expected = p.network(p.window.point(means))
    got = np.einsum("foc,fc->fo", p.affine_maps, homogeneous)
    terms = np.einsum("foc,fc->fo", np.abs(p.affine_maps), np.abs(homogeneous)).max(axis=1, keepdims=True)
    noise = 1e-14 * rounding_scale(p.network, p.window.point(means))  # of the forward pass itself
    assert np.all(np.abs(got - expected) <= 1e-9 * terms + noise)
    inner = np.flatnonzero(p.edge_neuron >= 0)
    ends = p.vertices[p.edges[inner]]
    rows = np.concatenate([ends, np.ones((*ends.shape[:2], 1))], axis=2)
    left, right = (np.einsum("eoc,ekc->eko", p.affine_maps[p.edge_faces[inner, side]], rows) for side in (0, 1))
    jump = np.abs(left - right)
    size = np.abs(p.affine_maps[p.edge_faces[inner]]).max(axis=(1, 2))[:, None, :] * np.abs(rows).max(axis=2)[..., None]
    assert np.all(jump <= 10 * close * size.max(initial=1e-300)), "the network is continuous across edges"


def rounding_scale(net: Network, x: np.ndarray) -> np.ndarray:
    """Return the size of the terms that a forward pass sums, shape (..., n_out)."""
    size = np.abs(x)
    for layer, activation in zip(net.layers, [*net.activations, None], strict=True):
        size = size @ np.abs(layer.weight).T + np.abs(layer.bias)
        if activation is not None:
            size = np.max(np.abs(activation.slopes)) * size + np.abs(activation.intercepts).max()
    return size


def check_against(partition: PlanePartition, exact: ExactPartition, close: float = 1e-9) -> None:
    """Check that a partition equals the exact one in everything but rounding."""
    match = check_regions_against(partition, exact, close)
    assert partition.n_linear_regions == exact.n_linear_regions
    labels = np.array([exact.linear_labels[k] for k in match])
    pairs = set(zip(labels.tolist(), partition.linear_labels.tolist(), strict=True))
    assert len(pairs) == exact.n_linear_regions


def check_regions_against(partition: PlanePartition, exact: ExactPartition, close: float = 1e-9) -> list[int]:
    """Check all but linear regions; return which exact region each face is."""
    p, size = partition, diameter(partition)
    got = (p.n_regions, len(p.vertices), len(p.edges))
    assert got == (exact.n_regions, len(exact.vertices), len(exact.edges))
    number = {pattern: face for face, pattern in enumerate(exact.patterns)}
    match = [number[tuple(pattern)] for pattern in p.patterns.tolist()]  # a KeyError: a pattern that does not exist
    assert sorted(match) == list(range(exact.n_regions))

    assert all_near(p.vertices, exact.vertex_positions, close * size)
    assert all_near(exact.vertex_positions, p.vertices, close * size)

    areas = np.array([float(exact.regions[k].area) for k in match]) * p.window.area_factor
    assert np.all(np.abs(p.areas - areas) <= close * p.perimeters * size * np.linalg.norm(p.window.basis, axis=1).max())
    maps = np.array([exact.regions[k].affine_map for k in match])
    scale = np.abs(maps).max(axis=(1, 2), keepdims=True)
    assert np.all(np.abs(p.affine_maps - maps) <= 1e-9 * scale + 1e-12 * scale.max())

    assert edge_table(p, match) == exact_edge_table(exact)
    np.testing.assert_allclose(p.boundary_length, exact.boundary_length, rtol=close, atol=close * size)
    return match


def all_near(points: np.ndarray, others: np.ndarray, tolerance: float) -> bool:
    """Tell whether each point has one of the others in its own or a neighbouring square of side `tolerance`."""
    low = np.minimum(points.min(axis=0), others.min(axis=0)) - 2 * tolerance
    squares, taken = (np.floor((xy - low) / tolerance).astype(np.int64) for xy in (points, others))
    rows = max(squares[:, 1].max(), taken[:, 1].max()) + 2
    keys = taken @ [rows, 1]
    found = np.zeros(len(points), dtype=bool)
    for i, j in itertools.product((-1, 0, 1), repeat=2):
        found |= np.isin((squares + np.array([i, j])) @ [rows, 1], keys)
    return bool(found.all())


def edge_table(partition: PlanePartition, face_names: Any) -> Counter[tuple[Any, ...]]:
    """Return (faces, neuron, breakpoint) of all edges; -1 is the outside."""
    names = [*(int(name) for name in face_names), -1]  # so that -1 stays -1
    return Counter(
        (*sorted((names[a], names[b])), neuron, level)
        for (a, b), neuron, level in zip(
            partition.edge_faces.tolist(),
            partition.edge_neuron.tolist(),
            partition.edge_breakpoint.tolist(),
            strict=True,
        )
    )


def exact_edge_table(exact: ExactPartition) -> Counter[tuple[Any, ...]]:
    """Return the same of the exact partition."""
    return Counter(
        (*sorted((edge.left, edge.right)), edge.neurons[0] if edge.neurons else -1, edge.breakpoint)
        for edge in exact.edges
    )


def check_same(first: PlanePartition, second: PlanePartition, close: float = 1e-9) -> None:
    """Check that two partitions of the same window agree but for order and rounding."""
    assert first.n_regions == second.n_regions
    assert first.n_linear_regions == second.n_linear_regions
    assert first.vertices.shape == second.vertices.shape
    assert first.edges.shape == second.edges.shape
    number = {pattern.tobytes(): face for face, pattern in enumerate(second.patterns)}
    match = [number[pattern.tobytes()] for pattern in first.patterns]
    assert edge_table(first, match) == edge_table(second, range(second.n_regions))
    pairs = set(zip(first.linear_labels.tolist(), second.linear_labels[match].tolist(), strict=True))
    assert len(pairs) == first.n_linear_regions
    size = diameter(first)
    assert all_near(first.vertices, second.vertices, close * size)
    assert all_near(second.vertices, first.vertices, close * size)
    np.testing.assert_allclose(first.areas, second.areas[match], rtol=0, atol=close * first.window.area)
    np.testing.assert_allclose(first.perimeters, second.perimeters[match], rtol=0, atol=close * first.perimeters.max())
    np.testing.assert_allclose(first.areas.sum(), second.areas[match].sum(), rtol=max(close, 1e-12))


def split_at(monkeypatch: pytest.MonkeyPatch, most_faces: int, part_switches: int, **limits: int) -> list[int]:
    """Have cells split again once they have so many faces; return a list that the number of parts goes to.

    With `most_switches` and `crowded_faces`, also within a layer that has more switches, once they have so many.
    """
    original, split = _plane_work.make_plan, _plane_worker.split_cell
    parts: list[int] = []

    def planned(*arguments: Any) -> Any:
        made = original(*arguments)
        if made is None:
            return None
        return made[0]._replace(most_faces=most_faces, part_switches=part_switches, **limits), made[1]

    def noted(*arguments: Any) -> Any:
        made = split(*arguments)
        parts.append(made.n_parts)
        return made

    monkeypatch.setattr(_plane_work, "make_plan", planned)
    monkeypatch.setattr(_plane_worker, "split_cell", noted)
    return parts


def cells_of_later_layers(monkeypatch: pytest.MonkeyPatch, switches: int, faces: int) -> list[int]:
    """Have windows cut to at least so many faces before they are grouped to cells; return a list of the cells made."""
    original = _plane_work.deepened
    made: list[int] = []

    def noted(*arguments: Any) -> Any:
        found = original(*arguments)
        if found is not None:
            made.append(found.parts.n_parts)
        return found

    monkeypatch.setattr(_plane_work, "cells_wanted", lambda _: CellsWanted(switches, faces, 1))
    monkeypatch.setattr(_plane_work, "deepened", noted)
    monkeypatch.setattr(_plane_narrow, "_CELL_SWITCHES", switches)
    monkeypatch.setattr(_plane_narrow, "_faces_of", lambda _: faces)
    return made


def miscount(monkeypatch: pytest.MonkeyPatch, times: int = 1) -> list[int]:
    """Have a cell count one piece too many on its first shared edge, in the first batches that have one."""
    original, left = _plane_worker.chain_runs, [times]

    def counted(chain: Any, ends: Any, runs: Any) -> Any:
        found = original(chain, ends, runs)
        if left[0] and found:
            left[0] -= 1
            runs[1, 0] += 1
        return found

    monkeypatch.setattr(_plane_worker, "chain_runs", counted)
    return left
