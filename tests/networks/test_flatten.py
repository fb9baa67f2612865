"""Graphs as flat records: read back as they stand they give the same sums, and the affine part that of points."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions.networks.flatten import Flat, affine_rows, affine_steps, graph_steps
from linregions.networks.graph import INPUT, Graph, Layout, Step
from linregions.networks.kernels import sites
from tests.support.graphs import Builder, random_graph, term_of


def sums_of(flat: Flat, given: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Evaluate flat steps as the records say, with tensors in their slots only."""
    steps, found = flat.steps, {}
    kept: dict[int, np.ndarray] = {}
    for i, number in enumerate(flat.of.tolist()):
        width, n_sites, channels, padded = steps.shape[: sites.PADDED + 1, i]
        if steps.shape[sites.GIVEN, i] >= 0:
            sums = given[number]
        else:
            sums = steps.biases[i, :width].copy().reshape(n_sites, channels)
            for term in range(steps.shape[sites.FIRST_TERM, i], steps.shape[sites.END_TERM, i]):
                source, slot, offset, weight, norm = steps.term[:, term]
                assert slot == steps.shape[sites.SLOT, source]
                n_in = steps.shape[sites.CHANNELS, source]
                for s in range(n_sites):
                    for tap in range(steps.offset[offset + s], steps.offset[offset + s + 1]):
                        site, block = steps.tap[:, tap]
                        first = weight + block * n_in * padded
                        matrix = steps.weights[first : first + n_in * padded].reshape(n_in, padded)
                        assert not matrix[:, channels:].any()
                        squares = steps.norms[norm + block * channels :][:channels]
                        assert squares == pytest.approx(np.square(matrix[:, :channels]).sum(axis=0))
                        sums[s] += kept[slot].reshape(-1, n_in)[site] @ matrix[:, :channels]
            sums = sums.ravel()
        found[number] = sums
        table, t = steps.activation[:, i], steps.shape[sites.N_BREAKPOINTS, i]
        piece = (sums[:, None] > table[sites.BREAKPOINT, :t]).sum(axis=1)
        slope, knot, height = table[sites.SLOPE :, piece]
        if steps.shape[sites.SLOT, i] >= 0:
            kept[int(steps.shape[sites.SLOT, i])] = slope * (sums - knot) + height
    return found


@pytest.mark.parametrize("seed", range(40))
def test_sums_are_those_of_the_graph(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    flat = graph_steps(graph, [100 * k for k in range(len(graph.steps))])
    assert flat is not None
    points = rng.normal(size=(1, graph.n_in))
    wanted = [int(flat.of[0]), *flat.of[flat.given].tolist()]
    given = {k: rows[0] for k, (rows, _) in affine_rows(graph, wanted, points).items()}
    found, expected = sums_of(flat, given), graph.pre_activations(points)
    switching = {k for k, step in enumerate(graph.steps) if step.activation.n_breakpoints}
    assert switching <= set(found)
    for k in set(found) - {INPUT}:
        np.testing.assert_allclose(found[k], expected[k][0], rtol=0, atol=1e-12)
    first = next(k for k, step in enumerate(graph.steps) if step.activation.n_breakpoints)
    assert flat.of[0] == first
    numbers = flat.steps.shape[sites.FIRST_SWITCH]
    assert all(numbers[i] == 100 * k for i, k in enumerate(flat.of.tolist()) if k in switching)


def test_steps_that_no_switch_depends_on_are_left_out() -> None:
    builder = Builder(np.random.default_rng(1), 3)
    value = builder.step(builder.tensor(INPUT).then(np.ones((4, 3))), lr.RELU)
    builder.step(value.then(np.ones((5, 4))), lr.IDENTITY)
    value = builder.step(value.then(np.ones((2, 4))), lr.ABS)
    flat = graph_steps(builder.finish(value), [0] * 4)
    assert flat is not None
    assert flat.of.tolist() == [0, 2]
    with_output = graph_steps(builder.finish(value), [0] * 5, with_output=True)
    assert with_output is not None
    assert with_output.of.tolist()[:2] == [0, 2]
    assert len(with_output.of) == 3


def test_nothing_to_flatten_where_nothing_switches() -> None:
    builder = Builder(np.random.default_rng(1), 3)
    assert graph_steps(builder.finish(builder.tensor(INPUT)), [0]) is None


def test_a_tensor_keeps_its_place_until_its_last_reader() -> None:
    """The slots of a chain are one, and a tensor that is read late has one of its own."""
    builder = Builder(np.random.default_rng(1), 3)
    first = builder.step(builder.tensor(INPUT).then(np.ones((4, 3))), lr.RELU)
    second = builder.step(first.then(np.eye(4)), lr.RELU)
    third = builder.step(second.then(np.eye(4)) + first, lr.RELU)
    fourth = builder.step(third.then(np.eye(4)), lr.RELU)
    flat = graph_steps(builder.finish(fourth), [0] * 5)
    assert flat is not None
    assert flat.steps.shape[sites.SLOT].tolist() == [0, 1, 0, -1]


def test_affine_parts_have_the_sizes_of_their_terms() -> None:
    """Terms that cancel are counted, also those before an affine step with an activation of its own."""
    layout = Layout(1, 2, np.array([1, 0]))
    matrix = np.array([[3.0, -2.0], [1.0, 1.0]])
    line = lr.PiecewiseLinear((), (2.0,), anchor=(1.0, 5.0))
    first = Step((term_of(matrix, INPUT, layout, layout),), np.array([0.5, -4.0]), layout, line)
    second = Step((term_of(np.array([[1.0, -1.0], [0.0, 1.0]]), 0, layout, layout),), np.zeros(2), layout, lr.RELU)
    graph = Graph(layout, (first, second), (2,), (2,))
    points = np.array([[1.0, 2.0], [0.5, 0.25]])
    rows, terms = affine_rows(graph, [1], points)[1]
    # User's order: z = (3 - 4 - 4, 1 + 2 + .5) = (-5, 3.5), then 2 z + 3 = (-7, 10), and their difference.
    assert rows[0].tolist() == [10.0, -17.0]
    assert rows[1].tolist() == [2 * 0.75, 2 * (1.0 - 0.75)]
    assert terms[0].tolist() == [2 * 3.5 + 2 + 5, 2 * 11 + 7 + 2 * 3.5 + 7]
    assert affine_steps(graph) == [True, True]
