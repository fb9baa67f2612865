"""Switches of graphs: numbers, packed patterns, tournaments, and which comparisons decide nothing."""

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.networks.graph import INPUT
from linregions.networks.switches import (
    breakpoints_of_neurons,
    canonical_words,
    count_switches,
    is_fake,
    pack_patterns,
    switch_layout,
    switch_tables,
    unpack_bits,
    unpack_patterns,
)
from tests.support.graphs import Builder, random_graph

SEEDS = range(40)


def of_seed(seed, **options):
    rng = np.random.default_rng(seed)
    return Network.from_graph(random_graph(rng, **options)), rng


def of_maxima(seed):
    """Return a network with windows of many sizes, whose entries are equal nowhere: rounding decides no winner."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, 3)
    bent = lr.PiecewiseLinear((-1.0, 1.0), (0.25, 1.0, 0.5), (0.0, 0.0))
    value = builder.step(builder.tensor(INPUT).then(rng.normal(size=(7, 3)), rng.normal(size=7)), bent)
    sizes = rng.integers(1, 8, 4)
    value = builder.max(value, [sorted(int(e) for e in rng.permutation(7)[:size]) for size in sizes])
    return Network.from_graph(builder.finish(value)), rng


def bits_at(network, points):
    """Return the bit of each switch at points, from the sums of all steps: by step, unit and breakpoint."""
    rows = []
    for step, z in zip(network.graph.steps[:-1], network.graph.pre_activations(points), strict=False):
        rows.append((z[:, :, None] > np.array(step.activation.breakpoints)).reshape(len(points), -1))
    return np.concatenate([np.zeros((len(points), 0), bool), *rows], axis=1)


def packed(network, bits):
    whole = np.zeros((bits.shape[0], -(-count_switches(network) // 64) * 64), dtype=np.uint8)
    whole[:, : bits.shape[1]] = bits
    return np.packbits(whole, axis=1, bitorder="little").view("<u8").astype(np.uint64)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("make", [of_seed, of_maxima])
def test_patterns_are_those_of_the_bits(make, seed):
    network, rng = make(seed)
    points = rng.normal(size=(50, network.n_in))
    bits = bits_at(network, points)
    assert bits.shape[1] == count_switches(network)
    words, patterns = packed(network, bits), network.patterns(points)
    np.testing.assert_array_equal(unpack_bits(network, words), bits)
    np.testing.assert_array_equal(unpack_patterns(network, words), patterns)
    np.testing.assert_array_equal(unpack_patterns(network, pack_patterns(network, patterns)), patterns)
    np.testing.assert_array_equal(canonical_words(network, words), pack_patterns(network, patterns))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("make", [of_seed, of_maxima])
def test_fake_switches_are_those_that_leave_the_pattern(make, seed):
    network, rng = make(seed)
    n = count_switches(network)
    tables = switch_tables(network)
    compares = network.numbering.switch_comparison >= 0 if not network.is_chain else np.zeros(n, bool)
    # Bits of points and, for comparisons, any bits.
    bits = bits_at(network, rng.normal(size=(3, network.n_in)))
    bits = np.repeat(bits, n, axis=0)
    bits[:, compares] ^= rng.random((bits.shape[0], int(compares.sum()))) < 0.3
    switch = np.tile(np.arange(n), 3)
    words = packed(network, bits)
    flipped = bits.copy()
    flipped[np.arange(bits.shape[0]), switch] ^= True
    before, after = unpack_patterns(network, words), unpack_patterns(network, packed(network, flipped))
    same = (before == after).all(axis=1)
    expected = same & compares[switch]
    np.testing.assert_array_equal(is_fake(network, words, switch), expected)
    np.testing.assert_array_equal(is_fake(network, packed(network, flipped), switch), expected)
    # What changes is the neuron of the switch, and no other.
    rows, neurons = np.nonzero(before != after)
    np.testing.assert_array_equal(tables[0][switch[rows]], neurons)
    assert (same == expected).all() or not compares.all()


def test_borders_are_no_switches():
    network, _ = of_maxima(0)
    words = np.zeros((2, -(-count_switches(network) // 64)), dtype=np.uint64)
    assert is_fake(network, words, np.array([-1, -1])).tolist() == [False, False]
    assert [table[-1] for table in switch_tables(network)] == [-1, -1]


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_count_the_breakpoints_of_every_neuron(seed):
    network, _ = of_seed(seed)
    neuron, number = (table[:-1] for table in switch_tables(network))
    counts = breakpoints_of_neurons(network)
    assert counts.size == network.n_neurons
    assert counts.sum() == count_switches(network)
    for k, count in enumerate(counts):
        assert sorted(number[neuron == k]) == list(range(count))
    groups = network.numbering.groups
    graph = network.graph
    for group in groups:
        own = counts[group.first : group.first + group.size]
        if group.step >= 0:
            assert (own == graph.steps[group.step].activation.n_breakpoints).all()
        else:
            np.testing.assert_array_equal(own, graph.maxima.size[group.windows] - 1)


@pytest.mark.parametrize("seed", range(10))
def test_chains_are_numbered_as_their_graphs(seed):
    rng = np.random.default_rng(seed)
    activations = [lr.HARD_TANH, lr.IDENTITY, lr.RELU]
    chain = lr.random_network([2, 4, 3, 5, 1], rng, activation=activations, bias_variance=0.5)
    numbering = chain.numbering
    assert list(numbering.layout) == list(switch_layout(chain))
    for mine, theirs in zip(numbering.tables, switch_tables(chain), strict=True):
        np.testing.assert_array_equal(mine, theirs[:-1])
    patterns = chain.patterns(rng.normal(size=(20, 2)))
    bits = numbering.packed(patterns)
    np.testing.assert_array_equal(bits[:, : numbering.n_switches], unpack_bits(chain, pack_patterns(chain, patterns)))
    np.testing.assert_array_equal(numbering.unpacked(bits), patterns)


def test_no_switches():
    builder = Builder(np.random.default_rng(0), 2)
    value = builder.max(builder.tensor(INPUT), [[0], [1]])
    network = Network.from_graph(builder.finish(builder.step(value, lr.IDENTITY)))
    assert count_switches(network) == 0
    patterns = network.patterns([[1.0, 2.0]])
    words = pack_patterns(network, patterns)
    assert words.shape == (1, 0)
    np.testing.assert_array_equal(unpack_patterns(network, words), patterns)
    np.testing.assert_array_equal(canonical_words(network, words), words)
