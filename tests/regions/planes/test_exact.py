"""Plane partitions against the exact twin: the zoo, and random networks by Hypothesis."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import strategies as st

import linregions as lr
from linregions import Network, PlaneWindow
from linregions.errors import MemoryLimitError
from linregions.regions.options import Options
from linregions.regions.planes.engine import workbench
from linregions.regions.planes.engine.knobs import Knobs, Room
from linregions.regions.planes.find import partition_plane
from linregions.regions.planes.partition import PlanePartition
from tests.reference.planes_exact import ExactPartition, area, evaluate_exactly, partition_exactly
from tests.support import plane_strategies as ps
from tests.support import zoo
from tests.support.examples import drawn, pairs
from tests.support.plane_checks import cells_of_later_layers, check_against, check_invariants, check_same, split_at
from tests.support.statistics_checks import check_statistics

CASES = {case.name: case for case in zoo.small_cases()}
CELL_SIZES = (1, 4, 16, 1000)


@cache
def exact_of(name: str) -> ExactPartition:
    return partition_exactly(CASES[name].network, CASES[name].window)


@pytest.mark.parametrize("name", CASES)
def test_twin_is_consistent(name: str) -> None:
    case, exact = CASES[name], exact_of(name)
    assert len(exact.vertices) - len(exact.edges) + exact.n_regions == 1
    window = [(Fraction(float(u)), Fraction(float(v))) for u, v in case.window.polygon]
    whole = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(window, window[1:] + window[:1], strict=True)) / 2
    assert sum((area(region.polygon) for region in exact.regions), Fraction(0)) == whole
    assert all(region.area > 0 for region in exact.regions)
    assert len(set(exact.patterns)) == exact.n_regions
    step = max(1, exact.n_regions // (8 if case.network.n_in == 2 else 1))
    for region in exact.regions[::step]:
        u, v = region.centre
        pattern, outputs = evaluate_exactly(case.network, case.window, u, v)
        assert tuple(pattern) == region.pattern
        rows, unit = region.tensor.values, 1 << region.tensor.exponent
        assert outputs == [(row[0] * u + row[1] * v + row[2]) / unit for row in rows]


@pytest.mark.parametrize("name", CASES)
def test_zoo_equals_twin(name: str) -> None:
    case, exact = CASES[name], exact_of(name)
    known = (case.n_regions, case.n_vertices, case.n_edges, case.n_linear_regions)
    found = (exact.n_regions, len(exact.vertices), len(exact.edges), exact.n_linear_regions)
    assert all(want in (None, got) for want, got in zip(known, found, strict=True))
    partition = partition_plane(case.network, case.window)
    check_against(partition, exact, case.close)
    check_invariants(partition, case.close)


@pytest.mark.parametrize(("name", "most_faces", "part_switches"), pairs(CASES, [(0, 0), (1, 2), (6, 3)], 6))
def test_zoo_does_not_depend_on_cells_split_again(
    name: str, most_faces: int, part_switches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, exact = CASES[name], exact_of(name)
    parts = split_at(monkeypatch, most_faces, part_switches)
    partition = partition_plane(case.network, case.window)
    check_against(partition, exact, case.close)
    check_invariants(partition, case.close)
    layers = sum(activation.n_breakpoints > 0 for activation in case.network.activations)
    assert bool(parts) or layers < 3 or most_faces > 0
    if parts:
        found = lr.partition(case.network, case.window, sink=lr.RegionStatistics(linear=True))
        assert (found.n_regions, found.n_linear_regions) == (exact.n_regions, exact.n_linear_regions)
        check_statistics(found, partition)


@pytest.mark.parametrize(("name", "most_switches", "crowded_faces"), pairs(CASES, [(1, 0), (3, 5)], 8))
def test_zoo_does_not_depend_on_cells_split_within_a_layer(
    name: str, most_switches: int, crowded_faces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, exact = CASES[name], exact_of(name)
    parts = split_at(monkeypatch, 1 << 62, 0, most_switches=most_switches, crowded_faces=crowded_faces)
    partition = partition_plane(case.network, case.window)
    check_against(partition, exact, case.close)
    check_invariants(partition, case.close)
    found = lr.partition(case.network, case.window, sink=lr.RegionStatistics())
    assert found.n_regions == exact.n_regions
    later = [layer.weight.shape[0] for layer in case.network.layers[1:-1]]
    assert bool(parts) or max(later, default=0) < 12 or most_switches + crowded_faces > 1


@pytest.mark.parametrize(("name", "switches", "faces"), pairs(CASES, [(1, 2), (3, 20)], 8))
def test_zoo_does_not_depend_on_cells_bounded_by_later_layers(
    name: str, switches: int, faces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, exact = CASES[name], exact_of(name)
    made = cells_of_later_layers(monkeypatch, switches, faces)
    split_at(monkeypatch, 1 << 62, 0, most_switches=2, crowded_faces=8)
    partition = partition_plane(case.network, case.window)
    check_against(partition, exact, case.close)
    check_invariants(partition, case.close)
    found = lr.partition(case.network, case.window, sink=lr.RegionStatistics(linear=True))
    assert (found.n_regions, found.n_linear_regions) == (exact.n_regions, exact.n_linear_regions)
    check_statistics(found, partition)
    assert found.diagnostics["cells"] == (made[-1] if made else partition.diagnostics["cells"])


def test_switches_that_are_passed_in_all_of_a_part_stay_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of an activation with several breakpoints, where words are made from the face before in the list."""
    test_zoo_does_not_depend_on_cells_bounded_by_later_layers("hard tanh, whole numbers", 1, 2, monkeypatch)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(tuple(zoo.REWRITTEN))])
def test_rewritten_cases_keep_their_counts(name: str) -> None:
    original = exact_of(next(start for start in zoo.REWRITTEN if name.startswith(start)))
    partition = partition_plane(CASES[name].network, CASES[name].window)
    assert partition.n_regions == original.n_regions
    assert partition.n_linear_regions == original.n_linear_regions
    assert (len(partition.vertices), len(partition.edges)) == (len(original.vertices), len(original.edges))


@pytest.mark.parametrize(("name", "cell_switches"), pairs(CASES, CELL_SIZES, 4))
def test_zoo_does_not_depend_on_the_cell_size(name: str, cell_switches: int) -> None:
    case = CASES[name]
    partition = partition_plane(case.network, case.window, knobs=Knobs(cell_switches=cell_switches))
    check_against(partition, exact_of(name), case.close)
    check_invariants(partition, case.close)


def same_arrays(first: PlanePartition, second: PlanePartition) -> bool:
    names = (
        "vertices edges edge_neuron edge_breakpoint edge_faces face_offsets face_vertices patterns areas perimeters "
        "affine_maps linear_labels"
    )
    return all(
        getattr(first, name).dtype == getattr(second, name).dtype
        and np.array_equal(getattr(first, name), getattr(second, name))
        for name in names.split()
    )


@pytest.mark.parametrize("name", ["slice of 784 inputs", "relu, whole numbers", "three breaks", "64 lines, rotated"])
@pytest.mark.parametrize("cell_switches", [1, 4, None])
def test_threads_do_not_change_a_bit(name: str, cell_switches: int | None) -> None:
    case = CASES[name]
    knobs = Knobs(cell_switches=cell_switches)
    one = partition_plane(case.network, case.window, Options(threads=1), knobs)
    for threads in (2, 3):
        assert same_arrays(one, partition_plane(case.network, case.window, Options(threads=threads), knobs))


@pytest.mark.parametrize("name", CASES)
def test_zoo_does_not_depend_on_a_memory_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor on buffers that begin small and grow often, with the smallest limits that will do."""
    case, grown = CASES[name], []
    whole = partition_plane(case.network, case.window)
    original = workbench.grow
    monkeypatch.setattr(workbench, "grow", lambda *which, **how: grown.append(name) or original(*which, **how))
    knobs = Knobs(little_room=Room(8, 12, 16, 4))
    for threads in (1, 2):
        fitting = 0
        for limit in 2.0 ** np.arange(19, 26, 0.5):
            try:
                options = Options(memory_limit=int(limit), threads=threads)
                found = partition_plane(case.network, case.window, options, knobs)
            except MemoryLimitError:
                assert not fitting, "more would do, but less did"
                continue
            assert same_arrays(whole, found)
            fitting += 1
            if fitting == 3:
                break
        assert fitting == 3
    assert grown or len(whole.vertices) < 12


def compare(problem: tuple[Network, PlaneWindow], cell_switches: int | None) -> None:
    net, window = problem
    partition = partition_plane(net, window, knobs=Knobs(cell_switches=cell_switches))
    check_against(partition, partition_exactly(net, window))
    check_invariants(partition)


cell_sizes = st.sampled_from([None, 1, 2, 5])


@drawn(250, ps.integer_problems([lr.RELU]), cell_sizes)
def test_relu_with_whole_weights(problem: tuple[Network, PlaneWindow], cell_switches: int | None) -> None:
    compare(problem, cell_switches)


@drawn(150, ps.integer_problems(ps.ONE_BREAK), cell_sizes)
def test_one_break_with_whole_weights(problem: tuple[Network, PlaneWindow], cell_switches: int | None) -> None:
    compare(problem, cell_switches)


@drawn(200, ps.integer_problems(ps.MORE_BREAKS_EXACT, deepest=2, widest=4), cell_sizes)
def test_more_breaks_with_whole_weights(problem: tuple[Network, PlaneWindow], cell_switches: int | None) -> None:
    compare(problem, cell_switches)


@drawn(200, ps.float_problems(ps.ONE_BREAK), cell_sizes)
def test_one_break_with_float_weights(problem: tuple[Network, PlaneWindow], cell_switches: int | None) -> None:
    compare(problem, cell_switches)


@drawn(100, ps.float_problems(ps.MORE_BREAKS, deepest=2, widest=4), cell_sizes)
def test_more_breaks_with_float_weights(problem: tuple[Network, PlaneWindow], cell_switches: int | None) -> None:
    compare(problem, cell_switches)


@drawn(150, st.one_of(ps.integer_problems([lr.RELU], widest=4), ps.float_problems([lr.RELU], widest=4)), st.data())
def test_rewritten_networks_have_the_same_regions(problem: tuple[Network, PlaneWindow], data: st.DataObject) -> None:
    net, window = problem
    before = partition_exactly(net, window)
    changed = data.draw(st.sampled_from(zoo.variants(zoo.Case("drawn", net, window), data.draw(st.integers(0, 99)))))
    partition = partition_plane(changed.network, window)
    assert (partition.n_regions, partition.n_linear_regions) == (before.n_regions, before.n_linear_regions)
    assert (len(partition.vertices), len(partition.edges)) == (len(before.vertices), len(before.edges))
    check_against(partition, partition_exactly(changed.network, window))


@pytest.mark.parametrize("name", ["slice of 784 inputs", "relu, whole numbers", "whole numbers, three breaks"])
def test_permuting_and_scaling_units_keeps_the_geometry(name: str) -> None:
    case, rng = CASES[name], np.random.default_rng(7)
    before = partition_plane(case.network, case.window)
    order = [rng.permutation(layer.bias.size) for layer in case.network.layers[:-1]]
    layers = [(layer.weight, layer.bias) for layer in case.network.layers]
    for k, places in enumerate(order):
        layers[k] = (layers[k][0][places], layers[k][1][places])
        layers[k + 1] = (layers[k + 1][0][:, places], layers[k + 1][1])
    after = partition_plane(Network.from_layers(layers, case.network.activations), case.window)
    columns = np.concatenate([start + p for start, p in zip(case.network.neuron_offsets, order, strict=False)])
    assert {row.tobytes() for row in before.patterns[:, columns]} == {row.tobytes() for row in after.patterns}
    np.testing.assert_allclose(np.sort(after.areas), np.sort(before.areas), rtol=0, atol=1e-11 * case.window.area)
    if case.network.activations[0] == lr.RELU:
        scaled = partition_plane(zoo.rescaled(case.network, rng), case.window)
        assert same_arrays(before, scaled), "powers of two change nothing, not even the last bit"


@pytest.mark.parametrize("seed", range(200))
def test_random_networks(seed: int) -> None:
    net, window, cell_switches = ps.random_problem(seed)
    compare((net, window), cell_switches)


@pytest.mark.parametrize("seed", [851, 1281, 5371, 6058])
def test_neurons_that_switch_on_nearly_the_same_line(seed: int) -> None:
    """Places along such lines are badly known, but no region may be lost for it."""
    net, window, cell_switches = ps.random_problem(seed)
    compare((net, window), cell_switches)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_thousands_of_random_networks(block: int) -> None:
    for seed in range(500 * block, 500 * (block + 1)):
        net, window, cell_switches = ps.random_problem(seed)
        compare((net, window), cell_switches)


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "width"), [(12, 10), (10, 14)])
def test_deep_networks_with_tiny_regions(depth: int, width: int) -> None:
    net = lr.random_network([2, *[width] * depth, 1], 0, bias_variance=0.01)
    window = PlaneWindow.of_inputs([-1, -1], [1, 1])
    check_against(partition_plane(net, window), partition_exactly(net, window))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["toy2d_32x3", "mnist_64x3_trained"])
def test_standard_cases_equal_twin(name: str) -> None:
    case = zoo.golden(name)
    exact = partition_exactly(case.network, case.window)
    assert (exact.n_regions, len(exact.vertices), len(exact.edges)) == (case.n_regions, case.n_vertices, case.n_edges)
    check_against(partition_plane(case.network, case.window), exact)


@pytest.mark.slow
def test_cell_size_of_a_standard_case() -> None:
    case = zoo.golden("mnist_64x3_trained")
    first = partition_plane(case.network, case.window, knobs=Knobs(cell_switches=CELL_SIZES[0]))
    for size in CELL_SIZES[1:]:
        check_same(partition_plane(case.network, case.window, knobs=Knobs(cell_switches=size)), first)
