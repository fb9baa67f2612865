"""Statistics of regions that are not kept, against the whole partition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow, RegionStatistics
from linregions.errors import InvalidTypeError, InvalidValueError, LinRegionsError, MemoryLimitError
from linregions.regions.options import Options
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.find import count_plane, partition_plane, run_sink
from linregions.regions.planes.sinks.statistics import PlaneStatistics
from tests.support import plane_strategies as ps
from tests.support import zoo
from tests.support.examples import drawn, pairs
from tests.support.statistics_checks import check_statistics, same_statistics

CASES = {case.name: case for case in [*map(zoo.golden, ("toy2d_32x3", "mnist_64x3_trained")), *zoo.small_cases()]}


def statistics(net: Network, window: PlaneWindow, cells_in_batch: int | None = None, **options: Any) -> PlaneStatistics:
    sink = RegionStatistics(linear=True, gradient=True, largest=3, nearest=3, point=options.pop("point", None))
    sink.cells_in_batch = cells_in_batch
    knobs = Knobs(cell_switches=options.pop("cell_switches", None))
    found = run_sink(net, window, sink, Options(**options), knobs)
    assert isinstance(found, PlaneStatistics)
    return found


@pytest.mark.parametrize("name", pairs(CASES, [()], 3))
def test_statistics_are_those_of_the_whole_partition(name: str) -> None:
    case = CASES[name]
    point = case.window.polygon.mean(axis=0) + 0.1 * np.ptp(case.window.polygon, axis=0)
    partition = partition_plane(case.network, case.window)
    check_statistics(statistics(case.network, case.window, point=point), partition, point, case.close)
    for switches in (1, 5):
        found = statistics(case.network, case.window, point=point, cell_switches=switches, cells_in_batch=2)
        check_statistics(found, partition, point, case.close)


@pytest.mark.parametrize(
    "name", ["toy2d_32x3", "mnist_64x3_trained", "three breaks", "relu, whole numbers", "64 lines, rotated"]
)
def test_threads_and_batches_do_not_change_a_bit(name: str) -> None:
    case = CASES[name]
    for switches in (3, None):
        one = statistics(case.network, case.window, cell_switches=switches)
        for threads in (2, 3):
            assert same_statistics(one, statistics(case.network, case.window, cell_switches=switches, threads=threads))
        for size in (1, 2, 7, 1000):
            for threads in (1, 2):
                other = statistics(case.network, case.window, size, cell_switches=switches, threads=threads)
                assert same_statistics(one, other)


@pytest.mark.parametrize("name", ["toy2d_32x3", "mnist_64x3_trained", "whole numbers, three breaks"])
def test_memory_limits_do_not_change_a_bit(name: str) -> None:
    case = CASES[name]
    one = statistics(case.network, case.window)
    for limit in (30 * 2**20, 2**30):
        assert same_statistics(one, statistics(case.network, case.window, memory_limit=limit, threads=2))
        assert lr.count_regions(case.network, case.window, memory_limit=limit) == one.n_regions
        assert lr.count_regions(case.network, case.window, "linear", memory_limit=limit) == one.n_linear_regions


def test_counts_of_all_cell_sizes() -> None:
    case = CASES["toy2d_32x3"]
    for switches in (1, 2, 3, 5, 8, 13, 100):
        for kind in ("activation", "linear"):
            assert count_plane(case.network, case.window, kind, knobs=Knobs(cell_switches=switches))[0] == 4176
    with_dead = zoo.with_idle_units(case.network, np.random.default_rng(0))
    for switches in (1, 8, 100):
        assert count_plane(with_dead, case.window, "linear", knobs=Knobs(cell_switches=switches))[0] == 4176


def sparse(net: Network, rng: np.random.Generator) -> Network:
    """Set most weights after the first layer to zero, and kill a layer now and then: many switches change nothing."""
    layers = [(layer.weight.copy(), layer.bias.copy()) for layer in net.layers]
    for weight, _ in layers[1:]:
        weight[rng.random(weight.shape) < 0.7] = 0.0
    if len(layers) > 2 and rng.random() < 0.3:
        layers[rng.integers(1, len(layers) - 1)][1][:] = -1e3
    return Network.from_layers(layers, net.activations)


def test_linear_regions_counted_cell_by_cell() -> None:
    fewer = joined = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        net, window, _ = ps.random_problem(seed)
        net = sparse(net, rng)
        whole = partition_plane(net, window)
        fewer += 1 < whole.n_linear_regions < whole.n_regions
        for switches in (1, 2, None):
            found = statistics(net, window, cell_switches=switches, cells_in_batch=int(rng.integers(1, 5)))
            assert (found.n_regions, found.n_linear_regions) == (whole.n_regions, whole.n_linear_regions)
            joined += found.diagnostics["cells"] > 1
    assert fewer > 15, "the cases must tell the two kinds apart"
    assert joined > 60


@drawn(60, ps.integer_problems([*ps.ONE_BREAK, *ps.MORE_BREAKS_EXACT]))
def test_statistics_of_degenerate_networks(problem: tuple[Network, PlaneWindow]) -> None:
    net, window = problem
    partition = partition_plane(net, window)
    point = np.array([0.25, 0.125])
    for switches in (1, None):
        found = statistics(net, window, 2, cell_switches=switches, point=point)
        check_statistics(found, partition, point, 1e-7)


def test_many_sides_and_several_nearest() -> None:
    angles = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    net = zoo.lines_network([(np.cos(a), np.sin(a), -0.5) for a in angles])
    found = statistics(net, zoo.SQUARE, point=[0.0, 0.0])
    assert found.sides[64] == 1  # the polygon of 100 sides in the middle
    assert found.nearest[0].distance == 0.0
    assert found.nearest[0].corners.shape == (100, 2)
    assert np.array_equal(found.nearest[0].pattern, np.zeros(100))
    assert found.nearest[1].distance == pytest.approx(0.5)
    outside = statistics(net, zoo.SQUARE, point=[3.0, 0.9]).nearest[0]
    assert outside.distance == pytest.approx(2.0)


def test_of_equal_regions_the_first_are_kept() -> None:
    n = 8
    lines = [(1, 0, -k) for k in range(1, n)] + [(0, 1, -k) for k in range(1, n)]
    net, window = zoo.lines_network(lines), PlaneWindow.of_inputs([0.0, 0.0], [float(n), float(n)])
    expected = statistics(net, window, cell_switches=1, cells_in_batch=1)
    assert [region.area for region in expected.largest] == [1.0] * 3
    for size in (2, 5, 100):
        assert same_statistics(expected, statistics(net, window, size, cell_switches=1))


def test_nothing_notable_takes_no_patterns() -> None:
    sink = RegionStatistics(largest=0)
    assert not sink.needs_patterns
    found = lr.partition(CASES["three breaks"].network, CASES["three breaks"].window, sink=sink)
    assert (found.largest, found.nearest, found.n_linear_regions) == ((), (), None)
    with_patterns = lr.partition(CASES["three breaks"].network, CASES["three breaks"].window, sink=RegionStatistics())
    assert found.area == with_patterns.area
    assert len(with_patterns.largest) == 3
    assert np.isnan(with_patterns.largest[0].distance)


def test_a_network_without_neurons() -> None:
    found = statistics(CASES["no hidden layer"].network, CASES["no hidden layer"].window, point=[5.0, 0.0])
    assert (found.n_regions, found.n_linear_regions, found.n_vertices, found.n_edges) == (1, 1, 4, 4)
    assert (found.area, found.perimeter, found.boundary_length) == (4.0, 8.0, 0.0)
    assert found.nearest[0].distance == 4.0
    assert found.nearest[0].pattern.shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"largest": -1}, InvalidValueError, "`largest` is -1, but RegionStatistics needs at least 0"),
        ({"nearest": 1.5}, InvalidTypeError, "`nearest` is 1.5 .float., but RegionStatistics needs an integer"),
        ({"point": [1.0]}, InvalidValueError, r"`point` has shape \(1,\), but RegionStatistics needs two plane coord"),
        ({"point": [0.0, np.nan]}, InvalidValueError, "`point` .*NaN"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        RegionStatistics(**arguments)


def test_a_cell_that_does_not_fit() -> None:
    case = CASES["toy2d_32x3"]
    for threads in (1, 2):
        with pytest.raises(
            MemoryLimitError, match=rf"`memory_limit` is {6 * 2**20 * threads} bytes, but .* needs \d+ to work one cell"
        ):
            statistics(case.network, case.window, memory_limit=6 * 2**20 * threads, cell_switches=1000, threads=threads)
    assert issubclass(MemoryLimitError, LinRegionsError)
    assert issubclass(MemoryLimitError, ValueError)
