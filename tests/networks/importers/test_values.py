"""The builder: graphs equal the matrices, gathers and maxima that they are made of."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from linregions.errors import InvalidValueError, MemoryLimitError
from linregions.networks.activations import ABS, HARD_TANH, IDENTITY, RELU, leaky_relu
from linregions.networks.graph import INPUT, Graph
from linregions.networks.importers.values import Builder, Value

WHO = "from_tests"


def random_matrix(rng: np.random.Generator, rows: int, columns: int, kind: str):
    dense = rng.normal(size=(rows, columns))
    if kind == "dense":
        return dense
    return scipy.sparse.csr_matrix(dense * (rng.random((rows, columns)) < 0.3))


@pytest.mark.parametrize("seed", range(40))
def test_a_random_program_is_what_numpy_makes_of_it(seed):
    rng = np.random.default_rng(seed)
    shapes = [(3, 4, 2), (6,), (4, 3), (2, 2, 3)]
    builder = Builder([shapes[seed % 4]], WHO)
    (value,) = builder.inputs()
    points = rng.normal(size=(50, builder.n_in))
    known = [(value, points)]
    for _ in range(rng.integers(3, 9)):
        value, numbers = known[rng.integers(len(known))]
        what = rng.integers(8)
        if what == 0:
            matrix = random_matrix(rng, 12, value.n_units, rng.choice(["dense", "sparse"]))
            bias = rng.normal(size=12)
            shape = [(12,), (3, 2, 2), (4, 3)][rng.integers(3)]
            made = builder.linear(value, matrix, shape, bias), (matrix @ numbers.T).T + bias
        elif what == 1:
            index = rng.integers(-1, value.n_units, size=(3, 2, 4))
            made = builder.gather(value, index), np.where(index < 0, 0.0, numbers[:, index]).reshape(50, -1)
        elif what == 2:
            factors = rng.normal(size=value.shape)
            made = builder.scale(value, factors), numbers * factors.ravel()
        elif what == 3:
            other, more = known[rng.integers(len(known))]
            if other.n_units != value.n_units:
                continue
            made = builder.add(value, builder.reshape(other, value.shape)), numbers + more
        elif what == 4:
            activation = [RELU, ABS, HARD_TANH, leaky_relu(0.1), IDENTITY][rng.integers(5)]
            made = builder.activation(value, activation), activation(numbers)
        elif what == 5:
            other, more = known[rng.integers(len(known))]
            if other.n_units != value.n_units:
                continue
            function, theirs = [(builder.maximum, np.maximum), (builder.minimum, np.minimum)][rng.integers(2)]
            made = function(value, builder.reshape(other, value.shape)), theirs(numbers, more)
        elif what == 6:
            windows = rng.integers(0, value.n_units, size=(4, 5))
            windows[:, 1:][rng.random((4, 4)) < 0.3] = -1
            filled = np.where(windows < 0, -np.inf, numbers[:, windows])
            made = builder.max_over(value, windows, (2, 2)), filled.max(axis=2)
        else:
            other, more = known[rng.integers(len(known))]
            flat = [builder.reshape(each, (each.n_units,)) for each in (value, other)]
            made = builder.concat([*flat, np.arange(2.0)], 0), np.hstack([numbers, more, np.tile([0.0, 1.0], (50, 1))])
        known.append(made)
    value, numbers = known[-1]
    graph = builder.finish(value)
    assert graph.n_in == builder.n_in
    assert graph.output_shape == value.shape
    np.testing.assert_allclose(graph(points), numbers, rtol=1e-10, atol=1e-10 * np.abs(numbers).max())
    assert_sound(graph)
    assert_winners(graph, points)


def assert_sound(graph: Graph) -> None:
    """Layouts are permutations, terms read earlier steps, taps are in range."""
    layouts = {INPUT: graph.input_layout} | {k: step.layout for k, step in enumerate(graph.steps)}
    for k, step in enumerate(graph.steps):
        assert np.array_equal(np.sort(step.layout.order), np.arange(step.layout.n_units))
        assert step.bias.shape == (step.layout.n_units,)
        for term in step.terms:
            assert INPUT <= term.source < k
            source = layouts[term.source]
            assert term.offsets.shape == (step.layout.n_sites + 1,)
            assert term.offsets[0] == 0
            assert term.offsets[-1] == term.site.size == term.block.size
            assert term.blocks.shape[1:] == (source.n_channels, step.layout.n_channels)
            assert not term.site.size or term.site.max() < source.n_sites
    assert graph.steps[-1].activation == IDENTITY


def assert_winners(graph: Graph, points: np.ndarray) -> None:
    """Follow the comparisons of each window: as many as entries but one, the winner known at the end."""
    maxima = graph.maxima
    if not maxima.size.size:
        return
    assert np.all(np.diff(maxima.window) >= 0)
    assert np.array_equal(np.bincount(maxima.window, minlength=maxima.size.size), maxima.size - 1)
    starts = np.searchsorted(maxima.window, np.arange(maxima.size.size))
    for window, size in enumerate(maxima.size):
        here = slice(starts[window], starts[window] + size - 1)
        named = np.concatenate([maxima.left[here], maxima.right[here]])
        # Each entry and each winner but the last is compared once.
        assert np.array_equal(np.sort(named), np.arange(-(size - 2), size)) if size > 1 else not named.size
        assert np.all(maxima.step[here] <= maxima.after[window])
    compared = set(zip(maxima.step.tolist(), maxima.unit.tolist(), strict=True))
    sums = graph.pre_activations(points)
    for step in np.unique(maxima.step):
        for unit in range(graph.steps[step].layout.n_units):
            if (int(step), unit) not in compared:
                assert np.all(sums[step][:, unit] == -1.0)  # off everywhere


def winners(graph: Graph, points: np.ndarray) -> np.ndarray:
    maxima = graph.maxima
    sums = graph.pre_activations(points)
    result = np.zeros((len(points), maxima.size.size), dtype=int)
    for window in range(maxima.size.size):
        found: list[np.ndarray] = []
        for k in np.flatnonzero(maxima.window == window):
            sides = [
                np.full(len(points), side) if side >= 0 else found[~side] for side in (maxima.left[k], maxima.right[k])
            ]
            found.append(np.where(sums[maxima.step[k]][:, maxima.unit[k]] > 0, sides[1], sides[0]))
        if found:
            result[:, window] = found[-1]
    return result


@pytest.mark.parametrize("seed", range(10))
def test_the_winner_of_a_window_is_its_largest_entry_of_lowest_number(seed):
    rng = np.random.default_rng(seed)
    builder = Builder([(2, 4, 4)], WHO)
    (value,) = builder.inputs()
    # 3 x 3 windows around each pixel: those at the border have fewer entries.
    index = np.pad(builder.index(value), [(0, 0), (1, 1), (1, 1)], constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(index, (3, 3), axis=(1, 2)).reshape(32, 9)
    graph = builder.finish(builder.max_over(value, windows, (2, 4, 4), "pool"))
    points = rng.integers(-2, 3, size=(40, 32)).astype(float)  # many ties
    entries = [points[:, row[row >= 0]] for row in windows]
    np.testing.assert_array_equal(graph(points), np.stack([each.max(axis=1) for each in entries], axis=1))
    np.testing.assert_array_equal(winners(graph, points), np.stack([each.argmax(axis=1) for each in entries], axis=1))
    np.testing.assert_array_equal(graph.maxima.size, [each.shape[1] for each in entries])
    assert graph.maxima.names == ("pool",)
    assert_winners(graph, points)


def test_equal_blocks_are_one():
    rng = np.random.default_rng(0)
    blocks = rng.normal(size=(3, 5, 4))  # offset, channels out, channels in
    builder = Builder([(4, 9)], WHO)
    (value,) = builder.inputs()
    matrix = np.zeros((5, 7, 4, 9))
    for site in range(7):
        for offset in range(3):
            matrix[:, site, :, site + offset] = blocks[offset]
    value = builder.linear(value, scipy.sparse.csr_matrix(matrix.reshape(35, 36)), (5, 7))
    graph = builder.finish(builder.activation(value, RELU, "conv"))
    (term,) = graph.steps[0].terms
    assert graph.steps[0].layout[:2] == (7, 5)
    assert term.site.size == 21
    np.testing.assert_array_equal(np.sort(term.blocks.ravel()), np.sort(blocks.ravel()))
    assert graph.steps[0].name == "conv"


def test_layers_keep_their_weights_bit_by_bit():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(8, 5)), rng.normal(size=(3, 8))
    builder = Builder([(1, 5)], WHO, batch=True)
    (value,) = builder.inputs()
    value = builder.activation(builder.linear(value, first, (1, 8), np.arange(8.0)), RELU)
    graph = builder.finish(builder.linear(value, second, (1, 3)))
    assert [step.layout[:2] for step in graph.steps] == [(1, 8), (1, 3)]
    np.testing.assert_array_equal(graph.steps[0].terms[0].blocks[0].T, first)
    np.testing.assert_array_equal(graph.steps[1].terms[0].blocks[0].T, second)
    assert graph.input_shape == (5,)
    assert graph.output_shape == (3,)


def test_a_sum_before_a_heavy_operator_becomes_a_tensor_and_a_diagonal_does_not():
    rng = np.random.default_rng(0)
    builder = Builder([(20,)], WHO)
    (value,) = builder.inputs()
    hidden = builder.linear(value, rng.normal(size=(4, 20)), (4,))
    scaled = builder.scale(hidden, np.arange(1.0, 5.0))
    assert set(scaled.terms) == {INPUT}
    wide = builder.linear(scaled, rng.normal(size=(20, 4)), (20,))
    assert set(wide.terms) == {0}  # the narrow layer is a step


def test_what_the_output_does_not_need_is_left_out():
    builder = Builder([(3,)], WHO)
    (value,) = builder.inputs()
    builder.maximum(builder.activation(value, RELU), value)
    graph = builder.finish(builder.activation(value, ABS))
    assert [step.activation for step in graph.steps] == [ABS, IDENTITY]
    assert graph.maxima.size.size == 0


def test_several_inputs_are_concatenated():
    builder = Builder([(2, 3, 3), (1, 3, 3)], WHO)
    first, second = builder.inputs()
    graph = builder.finish([builder.activation(second, RELU), first])
    point = np.arange(27.0)[None] - 13.0
    np.testing.assert_array_equal(graph(point), np.concatenate([np.maximum(point[:, 18:], 0), point[:, :18]], axis=1))
    assert graph.input_layout[:2] == (9, 3)
    assert graph.input_shape == (27,)


def test_the_flat_output_of_a_convolution_keeps_its_pixels_as_sites():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(6, 4))
    matrix = scipy.sparse.kron(scipy.sparse.csr_matrix(kernel), scipy.sparse.identity(25)).tocsr()
    builder = Builder([(4, 5, 5)], WHO)
    (value,) = builder.inputs()
    flat = builder.reshape(builder.linear(value, matrix, (6, 5, 5)), (150,))
    graph = builder.finish(builder.linear(builder.activation(flat, RELU), rng.normal(size=(3, 150)), (3,)))
    assert graph.steps[0].layout[:2] == (25, 6)


def test_an_empty_window_and_a_huge_tensor_are_refused():
    builder = Builder([(3,)], WHO)
    (value,) = builder.inputs()
    with pytest.raises(InvalidValueError, match="maximum of nothing at pool, but from_tests needs an entry"):
        builder.max_over(value, np.array([[0, 1], [-1, -1]]), (2,), "pool")
    with pytest.raises(MemoryLimitError, match=r"tensor of shape .* but from_tests takes at most"):
        builder.expand(value, (1 << 30, 3))
    with pytest.raises(MemoryLimitError, match="tensor of shape"):
        Builder([(1 << 20, 1 << 20)], WHO)
    with pytest.raises(MemoryLimitError, match=r"operator of .* but from_tests takes at most"):
        builder.matrices.must_fit(1 << 40)


def test_constants_are_folded():
    builder = Builder([(2,)], WHO)
    (value,) = builder.inputs()
    constant = builder.activation(builder.constant(np.array([-1.0, 2.0])), RELU)
    assert isinstance(constant, Value)
    assert not constant.terms
    graph = builder.finish(builder.add(value, constant))
    np.testing.assert_array_equal(graph(np.zeros((1, 2))), [[0.0, 2.0]])
    assert len(graph.steps) == 1
