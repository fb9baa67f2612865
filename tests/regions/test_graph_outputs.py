"""Outputs of graphs on known regions: affine maps, comparisons of outputs, sizes of terms."""

import numpy as np
import pytest

from linregions import Network
from linregions.networks.switches import count_switches, pack_patterns
from linregions.regions.outputs import Comparison, maps_along, patterns_in_plane, region_maps, root_mean_squares
from tests.reference.graph_exact import ExactGraph
from tests.support.graphs import random_graph

SEEDS = range(40)


def of_seed(seed, **options):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, **options)
    return graph, Network.from_graph(graph), rng


@pytest.mark.parametrize("seed", SEEDS)
def test_maps_of_regions_are_those_at_their_points(seed):
    _, network, rng = of_seed(seed)
    rows = rng.normal(size=(3, network.n_in))
    where = rng.normal(size=(9, 2))
    points = where @ rows[:2] + rows[2]
    matrices, vectors = network.affine_map(points)
    expected = np.einsum("foi,ki->fok", matrices, rows)
    expected[:, :, -1] += vectors
    words = pack_patterns(network, network.patterns(points))
    found = region_maps(network, rows, words)
    assert found.shape == (9, network.n_out, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
    here = np.einsum("fok,fk->fo", found, np.column_stack([where, np.ones(9)]))
    np.testing.assert_allclose(here, network(points), rtol=1e-9, atol=1e-10)
    if not network.is_chain:
        many = np.broadcast_to(rows, (9, 3, network.n_in))
        np.testing.assert_allclose(maps_along(network, many, network.patterns(points)), found, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_comparisons_that_do_not_matter_leave_the_maps(seed):
    _, network, rng = of_seed(seed, kinds=("max", "residual"))
    rows = rng.normal(size=(2, network.n_in))
    points = rng.normal(size=(3, network.n_in))
    patterns = network.patterns(points)
    words = pack_patterns(network, patterns)
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    tournament, compared = network.numbering.tournament, network.numbering.comparison_switch
    others = bits.copy()
    others[:, compared] ^= rng.random((3, compared.size)) < 0.5
    same = (tournament.winners(others[:, compared]) == tournament.winners(bits[:, compared])).all(axis=1)
    if count_switches(network):
        again = np.packbits(others, axis=1, bitorder="little").view("<u8")
        found, expected = region_maps(network, rows, again[same]), region_maps(network, rows, words[same])
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_patterns_in_a_plane(seed):
    _, network, rng = of_seed(seed)
    rows, where = rng.normal(size=(3, network.n_in)), rng.normal(size=(20, 2))
    found = np.concatenate([patterns for _, patterns in patterns_in_plane(network, rows, where)])
    np.testing.assert_array_equal(found, network.patterns(where @ rows[:2] + rows[2]))


@pytest.mark.parametrize("seed", SEEDS)
def test_compared_outputs_are_affine_functions_of_the_outputs(seed):
    graph, network, rng = of_seed(seed, n_out=3)
    weight, constant = rng.normal(size=(4, 3)), rng.normal(size=4)
    weight[2], constant[2] = weight[0], constant[0]
    compared, kept = Comparison(weight, constant).of(network)
    assert kept.tolist() == [0, 1, 3]
    points = rng.normal(size=(5, graph.n_in))
    expected = (network(points) @ weight.T + constant)[:, kept]
    np.testing.assert_allclose(compared(points), expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_array_equal(compared.patterns(points), network.patterns(points))
    patterns = network.patterns(points)
    np.testing.assert_array_equal(pack_patterns(compared, patterns), pack_patterns(network, patterns))
    assert compared.is_chain == network.is_chain


@pytest.mark.parametrize("seed", SEEDS)
def test_sizes_of_terms_in_random_signs(seed):
    graph, network, rng = of_seed(seed)
    twin = ExactGraph(graph)
    sizes = np.abs(rng.normal(size=(2, graph.n_in)))
    for biases in (True, False):
        found = root_mean_squares(network, sizes, biases=biases)
        for row, start in zip(found, sizes, strict=True):
            np.testing.assert_allclose(row, slow_sizes(graph, twin, start, biases), rtol=1e-9, atol=1e-300)


def slow_sizes(graph, twin, sizes, biases):
    tensors = {-1: [sizes[i] for i in graph.input_layout.order]}
    for k, step in enumerate(graph.steps):
        own = []
        for j in range(step.layout.n_units):
            squares = sum(
                (float(weight) * size) ** 2
                for source, matrix in twin.matrices[k]
                for weight, size in zip(matrix[j], tensors[source], strict=True)
            )
            own.append(squares**0.5 + biases * abs(step.bias[j]))
        if k + 1 < len(graph.steps):
            steepest = max(map(abs, step.activation.slopes))
            own = [steepest * size + biases * max(map(abs, step.activation.intercepts.tolist())) for size in own]
        tensors[k] = own
    return [own[unit] for unit in np.argsort(graph.steps[-1].layout.order)]
