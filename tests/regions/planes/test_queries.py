"""Where points lie, which regions are neighbours, tables and iteration of plane partitions."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlanePartition, PlaneWindow
from linregions.errors import InvalidValueError, MissingDependencyError
from linregions.networks.switches import pack_patterns
from tests.support import zoo

CASES = {
    "relu": (zoo.float_network([2, 10, 8, 4], np.random.default_rng(0)), zoo.WIDE),
    "hard tanh": (zoo.float_network([2, 8, 6, 3], np.random.default_rng(4), lr.HARD_TANH, 1.0), zoo.HEXAGON),
    "50 inputs": (
        zoo.float_network([50, 12, 12, 5], np.random.default_rng(2)),
        zoo.integer_slice(50, np.random.default_rng(3), (1, 1)),
    ),
    "skew": (zoo.float_network([2, 9, 9, 4], np.random.default_rng(5)), zoo.rotated(0.7, shear=0.8, stretch=2.0)),
    "mnist": (zoo.golden("mnist_64x3_trained").network, zoo.golden("mnist_64x3_trained").window),
    "no hidden layer": (zoo.float_network([2, 3], np.random.default_rng(1)), zoo.SQUARE),
}


@pytest.fixture(scope="module", params=CASES)
def plane(request: pytest.FixtureRequest) -> PlanePartition:
    return lr.partition(*CASES[request.param])


def depths(plane: PlanePartition, region: int, points: np.ndarray) -> np.ndarray:
    """Return how deep points (u, v) lie in a region, in plane coordinates."""
    polygon = plane.polygon(region)
    side = np.roll(polygon, -1, axis=0) - polygon
    to = points[:, None] - polygon
    return np.min((side[:, 0] * to[:, :, 1] - side[:, 1] * to[:, :, 0]) / np.linalg.norm(side, axis=1), axis=1)


def test_points_lie_in_the_polygons_they_are_located_in(plane: PlanePartition) -> None:
    rng = np.random.default_rng(1)
    weights = rng.dirichlet(np.ones(len(plane.window.polygon)), size=400)
    points = weights @ plane.window.polygon
    found = plane.locate(points, coordinates="plane")
    assert found.min() >= 0
    size = np.ptp(plane.window.polygon, axis=0).max()
    for point, region in zip(points, found, strict=True):
        assert depths(plane, region, point[None])[0] >= -1e-12 * size
    np.testing.assert_array_equal(plane.locate(plane.window.point(points)), found)
    np.testing.assert_array_equal(plane.patterns[found], plane.network.patterns(plane.window.point(points)))


def test_middles_are_in_their_own_regions(plane: PlanePartition) -> None:
    middles = np.array([region.polygon.mean(axis=0) for region in plane])
    thick = np.flatnonzero(plane.areas > 1e-9 * plane.areas.sum())
    np.testing.assert_array_equal(plane.locate(middles[thick], coordinates="plane"), thick)


def test_vertices_and_points_of_edges_go_to_a_region_that_has_them(plane: PlanePartition) -> None:
    ends = plane.vertices[plane.edges[:2000]]
    points = np.concatenate([plane.vertices[:1000], ends.mean(axis=1)])
    found = plane.locate(points, coordinates="plane")
    assert found.min() >= 0
    size = np.ptp(plane.window.polygon, axis=0).max()
    assert min(depths(plane, f, p[None])[0] for p, f in zip(points, found, strict=True)) >= -1e-6 * size
    middle_found = found[min(1000, len(plane.vertices)) :]
    beside = np.array([f in faces for f, faces in zip(middle_found, plane.edge_faces[:2000], strict=True)])
    assert beside.mean() > 0.999  # edges shorter than rounding


def test_outside_is_minus_one(plane: PlanePartition) -> None:
    middle = plane.window.polygon.mean(axis=0)
    beyond = middle + 1.001 * (plane.window.polygon - middle)
    assert plane.locate(beyond, coordinates="plane").tolist() == [-1] * len(beyond)
    assert plane.locate(plane.window.polygon, coordinates="plane").min() >= 0, "the border belongs to the window"


def test_a_neuron_on_its_breakpoint_is_not_above_it() -> None:
    net = Network.from_layers([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    plane = lr.partition(net, zoo.SQUARE)
    for point, pattern in (((0.0, 0.5), (0, 1)), ((0.5, 0.0), (1, 0)), ((0.0, 0.0), (0, 0)), ((0.0, -0.5), (0, 0))):
        assert tuple(plane.patterns[plane.locate(point)]) == pattern


def test_a_vertex_whose_pattern_is_that_of_no_region() -> None:
    """In the origin both relu(u) and relu(-u) are off, which they are in no region."""
    net = Network.from_layers([([[1.0, 0.0], [-1.0, 0.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    plane = lr.partition(net, zoo.SQUARE)
    assert plane.n_regions == 2
    assert set(plane.locate([[0.0, 0.3], [0.0, -1.0], [0.0, 0.0]]).tolist()) <= {0, 1}


def test_shapes_of_points() -> None:
    plane = lr.partition(*CASES["relu"])
    points = np.random.default_rng(0).uniform(-1, 1, (3, 4, 2))
    assert plane.locate(points).shape == (3, 4)
    assert plane.locate(points[0, 0]).shape == ()
    assert plane.locate(np.empty((0, 2))).shape == (0,)
    with pytest.raises(
        InvalidValueError, match=r"`points` has shape \(3,\), but PlanePartition.locate needs a last axis"
    ):
        plane.locate([1.0, 2.0, 3.0])
    with pytest.raises(InvalidValueError, match=r"`points` has shape \(3,\), but .* a last axis of two plane"):
        plane.locate([1.0, 2.0, 3.0], coordinates="plane")
    with pytest.raises(InvalidValueError, match="`points` holds 1 NaN"):
        plane.locate([np.nan, 2.0])
    with pytest.raises(InvalidValueError, match="`coordinates` is 'uv', but"):
        plane.locate([1.0, 2.0], coordinates="uv")


def test_neighbours_share_an_edge(plane: PlanePartition) -> None:
    expected: list[set[int]] = [set() for _ in range(len(plane))]
    lengths: dict[tuple[int, int], float] = {}
    for (a, b), length in zip(plane.edge_faces.tolist(), plane.edge_lengths.tolist(), strict=True):
        if min(a, b) >= 0:
            expected[a].add(b)
            expected[b].add(a)
            for pair in ((a, b), (b, a)):
                lengths[pair] = lengths.get(pair, 0.0) + length
    assert [set(plane.neighbors(k).tolist()) for k in range(len(plane))] == expected
    graph = plane.adjacency()
    assert graph.indices.size == len(lengths)
    rows = np.repeat(np.arange(len(plane)), np.diff(graph.indptr))
    weights = [lengths[pair] for pair in zip(rows.tolist(), graph.indices.tolist(), strict=True)]
    np.testing.assert_allclose(graph.weights, weights, rtol=1e-13)
    np.testing.assert_allclose(graph.weights.sum() / 2, plane.boundary_length, rtol=1e-12)
    # Across an edge that neuron changes.
    here, there = plane.patterns[rows], plane.patterns[graph.indices]
    assert all(a[k] != b[k] for a, b, k in zip(here, there, graph.neurons, strict=True))
    with pytest.raises(InvalidValueError, match=r"`region` is 100000, but PlanePartition.neighbors needs one below"):
        plane.neighbors(100000)


def test_as_scipy_and_networkx() -> None:
    plane = lr.partition(*CASES["relu"])
    matrix = plane.adjacency().to_scipy()
    assert matrix.shape == (len(plane), len(plane))
    np.testing.assert_array_equal(matrix.toarray(), matrix.T.toarray())
    networkx = pytest.importorskip("networkx")
    graph = plane.adjacency().to_networkx()
    assert graph.number_of_nodes() == len(plane)
    assert graph.number_of_edges() == matrix.nnz // 2
    assert networkx.is_connected(graph)
    assert sorted(graph[3]) == plane.neighbors(3).tolist()
    a, b = 3, int(plane.neighbors(3)[0])
    assert graph[a][b]["weight"] == matrix[a, b]


def test_length_and_views(plane: PlanePartition) -> None:
    assert len(plane) == plane.n_regions
    assert bool(plane)
    views = list(plane)
    assert [view.index for view in views] == list(range(len(plane)))
    for k in (0, len(plane) // 2, len(plane) - 1):
        np.testing.assert_array_equal(views[k].polygon, plane.polygon(k))
        np.testing.assert_array_equal(views[k].pattern, plane.patterns[k])
        np.testing.assert_allclose(views[k].affine_map, plane.affine_maps[k], rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(views[k].neighbors, plane.neighbors(k))
        assert views[k].area == plane.areas[k]
        assert views[k].perimeter == plane.perimeters[k]


def test_table() -> None:
    pandas = pytest.importorskip("pandas")
    plane = lr.partition(*CASES["hard tanh"])
    table = plane.to_dataframe()
    assert isinstance(table, pandas.DataFrame)
    assert table.index.tolist() == list(range(len(plane)))
    np.testing.assert_array_equal(table["area"], plane.areas)
    np.testing.assert_array_equal(table["perimeter"], plane.perimeters)
    np.testing.assert_array_equal(table["sides"], np.diff(plane.face_offsets))
    assert table["linear_region"].nunique() == plane.n_linear_regions
    assert table["pattern"].nunique() == len(plane)
    bits = np.unpackbits(np.frombuffer(bytes.fromhex("".join(table["pattern"])), np.uint8), bitorder="little")
    bits = bits.reshape(len(plane), -1)[:, : 2 * plane.network.n_neurons].reshape(len(plane), -1, 2)
    np.testing.assert_array_equal(bits.sum(axis=2), plane.patterns)
    np.testing.assert_array_equal(plane.locate(table[["u", "v"]].to_numpy(), coordinates="plane"), table.index)


def test_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    plane = lr.partition(*CASES["relu"])
    for name in ("pandas", "networkx", "scipy.sparse"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'linregions\[table\]'"):
        plane.to_dataframe()
    with pytest.raises(MissingDependencyError, match=r"pip install 'linregions\[graph\]'"):
        plane.adjacency().to_networkx()
    with pytest.raises(MissingDependencyError, match=r"pip install 'linregions\[graph\]'"):
        plane.adjacency().to_scipy()


def test_patterns_packed_again_are_the_words(plane: PlanePartition) -> None:
    packed = pack_patterns(plane.network, plane.patterns)
    np.testing.assert_array_equal(packed, plane.pattern_words[:, : packed.shape[1]])


def test_far_small_window() -> None:
    net = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
    window = PlaneWindow.of_inputs([1000.0, 1000.0], [1000.5, 1000.5])
    plane = lr.partition(net, window)
    middles = np.array([region.polygon.mean(axis=0) for region in plane])
    np.testing.assert_array_equal(plane.locate(middles), np.arange(len(plane)))
