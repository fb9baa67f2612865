"""Networks that are graphs: values, patterns, maps and regions against exact arithmetic, numbering, and messages."""

import dataclasses
import pickle

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.errors import InvalidTypeError, InvalidValueError, NumericalError, UnsupportedModuleError
from linregions.networks.graph import INPUT, Graph, Layout, Maxima, Step, Term
from tests.reference.graph_exact import ExactGraph
from tests.support.graphs import Builder, Form, random_graph

SEEDS = range(60)


def of_seed(seed, **options):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, **options)
    return graph, Network.from_graph(graph), rng.normal(size=(4, graph.n_in))


def is_clear(sums, graph):
    """Tell whether no sum is so close to a breakpoint that rounding may have decided."""
    return all(
        abs(z - point) > 1e-9
        for values, step in zip(sums, graph.steps, strict=True)
        for z in values
        for point in step.activation.breakpoints
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_values_patterns_and_maps_are_exact(seed):
    graph, network, points = of_seed(seed)
    exact = ExactGraph(graph)
    values, patterns = network(points), network.patterns(points)
    matrices, vectors = network.affine_map(points)
    for k, point in enumerate(points):
        np.testing.assert_allclose(values[k], np.array(exact.output(point), dtype=float), rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(matrices[k] @ point + vectors[k], values[k], rtol=1e-9, atol=1e-11)
        if is_clear(exact.sums(point), graph):
            assert patterns[k].tolist() == exact.pattern(point)
    assert patterns.shape == (4, network.n_neurons)
    assert patterns.dtype == np.uint8
    np.testing.assert_array_equal(network.jacobian(points), matrices)


@pytest.mark.parametrize("seed", SEEDS)
def test_affine_maps_are_exact_slopes(seed):
    graph, network, points = of_seed(seed)
    exact, step = ExactGraph(graph), 2.0**-40
    for point in points[:2]:
        pattern = exact.pattern(point)
        matrix, _ = network.affine_map(point)
        for i in range(network.n_in):
            beside = point.copy()
            beside[i] += step
            if exact.pattern(beside) == pattern:
                moved = [
                    float((b - a) / (beside[i] - point[i]))
                    for a, b in zip(exact.output(point), exact.output(beside), strict=True)
                ]
                np.testing.assert_allclose(matrix[:, i], moved, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("seed", range(20))
def test_mean_jacobians(seed):
    _, network, points = of_seed(seed)
    shares = np.array([0.5, 0.25, 0.125, 2.0])
    expected = np.einsum("n,noi->oi", shares, network.jacobian(points))
    np.testing.assert_allclose(
        network.maps.mean_jacobian(network.patterns(points), shares), expected, rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_regions_hold_the_points_of_their_pattern_and_no_others(seed):
    graph, network, points = of_seed(seed)
    rng = np.random.default_rng(seed)
    region = network.region(points[0])
    assert region.contains(points[0])
    np.testing.assert_array_equal(region.pattern, network.patterns(points[0]))
    near = points[0] + rng.normal(size=(300, graph.n_in)) * 0.5 * rng.random((300, 1)) ** 2
    slacks = region.bounds - near @ region.normals.T
    clear = (np.abs(slacks) > 1e-9 * (1 + np.abs(region.normals).sum(axis=1))).all(axis=1)
    same = (network.patterns(near) == region.pattern).all(axis=1)
    np.testing.assert_array_equal(region.contains(near)[clear], same[clear])
    assert (region.neurons < network.n_neurons).all()


def test_the_half_spaces_of_a_window_are_its_winner_minus_all_others():
    builder = Builder(np.random.default_rng(0), 2)
    entries = Form({INPUT: np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [0.5, 0.5]])}, np.zeros(4))
    network = Network.from_graph(builder.finish(builder.max(entries, [[0, 1, 2, 3]])))
    point = np.array([2.0, 1.0])
    region = network.region(point)
    assert region.pattern.tolist() == [0]
    differences = {(-1.0, 1.0): 0, (-2.0, -1.0): 2, (-0.5, 0.5): 2}  # entry 1, then the winner of 2 and 3, the last
    assert {tuple(row): level for row, level in zip(region.normals, region.breakpoints, strict=True)} == differences
    np.testing.assert_allclose(region.bounds, 0.0, atol=1e-15)
    assert region.neurons.tolist() == [0, 0, 0]


@pytest.mark.parametrize("seed", range(20))
def test_results_do_not_depend_on_layouts(seed):
    graph, network, points = of_seed(seed)
    other = shuffled(graph, np.random.default_rng(seed))
    again = Network.from_graph(other)
    np.testing.assert_allclose(again(points), network(points), rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(again.patterns(points), network.patterns(points))
    for mine, theirs in zip(network.pre_activations(points), again.pre_activations(points), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-11)


def shuffled(graph, rng):
    """Return the graph with other orders of sites and channels in every layout."""
    layouts, changes, steps = {}, {}, []
    for k, layout in [(INPUT, graph.input_layout), *((k, step.layout) for k, step in enumerate(graph.steps))]:
        sites, channels = rng.permutation(layout.n_sites), rng.permutation(layout.n_channels)
        units = (sites[:, None] * layout.n_channels + channels).ravel()
        layouts[k], changes[k] = layout._replace(order=layout.order[units]), (sites, channels, units)
    for k, step in enumerate(graph.steps):
        sites, channels, units = changes[k]
        terms = []
        for term in step.terms:
            from_sites, from_channels, _ = changes[term.source]
            taps = [np.arange(term.offsets[s], term.offsets[s + 1]) for s in sites]
            place = np.argsort(from_sites)
            which = np.concatenate([np.zeros(0, int), *taps])
            terms.append(
                Term(
                    term.source,
                    np.concatenate([[0], np.cumsum([tap.size for tap in taps])]),
                    place[term.site[which]],
                    term.block[which],
                    term.blocks[:, from_channels][:, :, channels],
                )
            )
        steps.append(dataclasses.replace(step, terms=tuple(terms), bias=step.bias[units], layout=layouts[k]))
    unit = np.array(
        [np.argsort(changes[int(k)][2])[u] for k, u in zip(graph.maxima.step, graph.maxima.unit, strict=True)],
        dtype=np.int64,
    )
    maxima = graph.maxima._replace(unit=unit)
    return dataclasses.replace(graph, input_layout=layouts[INPUT], steps=tuple(steps), maxima=maxima)


@pytest.mark.parametrize("seed", range(20))
def test_copies_and_numbers(seed):
    _, network, points = of_seed(seed)
    copy = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(copy(points), network(points))
    np.testing.assert_array_equal(copy.patterns(points), network.patterns(points))
    assert repr(copy) == repr(network)
    offsets = network.neuron_offsets
    assert list(offsets) == sorted(offsets)
    assert offsets[-1] == network.n_neurons
    places = [network.locate_neuron(k) for k in range(network.n_neurons)]
    assert [offsets[group] + index for group, index in places] == list(range(network.n_neurons))
    with pytest.raises(InvalidValueError, match=r"`neuron` is .* below the number of neurons"):
        network.locate_neuron(network.n_neurons)


def test_leading_axes_and_images():
    graph, network, _ = of_seed(3, n_in=4)
    points = np.random.default_rng(0).normal(size=(5, 1, 2, 2))
    assert network(points).shape == (5, network.n_out)
    flat = points.reshape(5, 4)
    np.testing.assert_array_equal(network(points), network(flat))
    assert network.patterns(flat.reshape(5, 1, 4)).shape == (5, 1, network.n_neurons)
    assert network(np.zeros((0, 4))).shape == (0, network.n_out)
    assert network.patterns(np.zeros((0, 4))).shape == (0, network.n_neurons)
    assert network.affine_map(np.zeros((0, 4)))[0].shape == (0, network.n_out, 4)
    assert [z.shape for z in network.pre_activations(flat)] == [(5, s.layout.n_units) for s in graph.steps[:-1]]


def test_a_chain_of_one_site_steps_has_layers():
    chain = lr.random_network([3, 4, 5, 2], 0, activation=[lr.HARD_TANH, lr.IDENTITY], bias_variance=0.5)
    again = Network.from_graph(chain.graph)
    assert again.is_chain
    assert again.activations == chain.activations
    for mine, theirs in zip(chain.layers, again.layers, strict=True):
        np.testing.assert_array_equal(mine.weight, theirs.weight)
        np.testing.assert_array_equal(mine.bias, theirs.bias)


def test_a_chain_in_any_order_comes_back_in_the_order_of_the_user():
    chain = lr.random_network([4, 3, 2], 0, bias_variance=0.5)
    order = [np.array([2, 0, 3, 1]), np.array([1, 2, 0]), np.array([1, 0])]
    steps = []
    for k, layer in enumerate(chain.layers):
        units = layer.weight[np.ix_(order[k + 1], order[k])]
        sites = 2 if k == 0 else 1
        blocks = np.ascontiguousarray(units.T).reshape(sites, -1, units.shape[0])
        term = Term(k - 1, np.array([0, sites]), np.arange(sites), np.arange(sites), blocks)
        activation = chain.activations[0] if k == 0 else lr.IDENTITY
        steps.append(Step((term,), layer.bias[order[k + 1]], Layout(1, units.shape[0], order[k + 1]), activation))
    network = Network.from_graph(Graph(Layout(2, 2, order[0]), tuple(steps), (2, 2), (2,)))
    for mine, theirs in zip(chain.layers, network.layers, strict=True):
        np.testing.assert_array_equal(mine.weight, theirs.weight)
        np.testing.assert_array_equal(mine.bias, theirs.bias)


@pytest.mark.parametrize("seed", range(10))
def test_the_graph_of_a_chain_computes_the_same(seed):
    rng = np.random.default_rng(seed)
    chain = lr.random_network([3, 5, 4, 2], rng, activation=[lr.ABS, lr.HARD_TANH], bias_variance=0.5)
    points = rng.normal(size=(10, 3))
    np.testing.assert_allclose(chain.graph(points), chain(points), rtol=1e-12, atol=1e-13)
    assert chain.numbering.offsets == chain.neuron_offsets


def test_networks_of_graphs_never_change():
    graph, network, _ = of_seed(0)
    for array in (network.graph.steps[0].bias, network.graph.steps[0].terms[0].blocks):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0
    bias = graph.steps[0].bias.copy()
    graph.steps[0].bias[:] = 7.0
    np.testing.assert_array_equal(network.graph.steps[0].bias, bias)
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.graph = graph


@pytest.mark.parametrize("name", ["layers", "activations", "widths"])
def test_a_graph_has_no_layers(name):
    _, network, _ = of_seed(1)
    assert not network.is_chain
    with pytest.raises(UnsupportedModuleError, match=rf"which has no `{name}`, but `\.{name}` needs a chain"):
        getattr(network, name)


def test_the_error_names_the_function_that_reads_layers():
    _, network, _ = of_seed(1)
    space = {"__name__": "linregions.x"}
    exec("def measure_inputs_anew(n):\n    return [layer for layer in n.layers]", space)
    with pytest.raises(UnsupportedModuleError, match=r"no `layers`, but measure_inputs_anew needs a chain of dense"):
        space["measure_inputs_anew"](network)
    command = {"__name__": "linregions.cli.x", **{name: space[name] for name in ("measure_inputs_anew",)}}
    exec("def run(n):\n    return measure_inputs_anew(n)", command)
    with pytest.raises(UnsupportedModuleError, match=r"but measure_inputs_anew needs a chain"):
        command["run"](network)


def test_representations():
    builder = Builder(np.random.default_rng(0), 2)
    value = builder.step(Form({INPUT: np.eye(2)}, np.zeros(2)), lr.HARD_TANH)
    graph = builder.finish(builder.max(value, [[0, 1], [1, 0]]))
    assert repr(Network.from_graph(graph)) == "Network(2 -> 2, 3 steps, 4 neurons, activation hard_tanh, max)"
    image = dataclasses.replace(graph, input_shape=(1, 2, 1), output_shape=(2,))
    assert repr(Network.from_graph(image)).startswith("Network(1x2x1 -> 2, ")


def test_groups_of_neurons_have_names():
    builder = Builder(np.random.default_rng(0), 2)
    first = builder.max(builder.tensor(INPUT), [[0, 1]])
    value = builder.step(first.then(np.ones((3, 1)), np.arange(3.0)), lr.RELU, "one")
    second = builder.max(value, [[0, 1], [1, 2]])
    value = builder.step(builder.step(second, lr.ABS, "two"), lr.IDENTITY, "three")
    network = Network.from_graph(builder.finish(value))
    groups = network.numbering.groups
    assert [(group.name, group.size) for group in groups] == [
        ("windows 0", 1),
        ("one", 3),
        ("windows 1", 2),
        ("two", 2),
    ]
    assert network.neuron_offsets == (0, 1, 4, 6, 8)
    assert network.locate_neuron(5) == (2, 1)


def test_a_window_of_one_entry_is_a_neuron_that_never_switches():
    builder = Builder(np.random.default_rng(0), 2)
    network = Network.from_graph(builder.finish(builder.max(builder.tensor(INPUT), [[1]])))
    assert network.n_neurons == 1
    assert network.patterns([[1.0, 2.0]]).tolist() == [[0]]
    assert network([[1.0, 2.0]]).tolist() == [[2.0]]


def test_equal_entries_are_won_by_the_lowest():
    builder = Builder(np.random.default_rng(0), 3)
    network = Network.from_graph(builder.finish(builder.max(builder.tensor(INPUT), [[0, 1, 2]])))
    points = [[1, 1, 1], [0, 1, 1], [1, 0, 1], [0, 0, 1]]
    assert network.patterns(points).ravel().tolist() == [0, 1, 0, 2]


def test_maps_that_overflow_say_so():
    builder = Builder(np.random.default_rng(0), 1)
    value = builder.tensor(INPUT)
    for _ in range(3):
        value = builder.step(value.then(np.array([[1e200], [1e200]])), lr.RELU)[[0]]
    network = Network.from_graph(builder.finish(value))
    with np.errstate(over="ignore", invalid="ignore"):
        with pytest.raises(NumericalError, match="affine map of the network overflows"):
            network.affine_map([1.0])
        with pytest.raises(NumericalError, match="gradients of the network overflow"):
            network.region([1.0])


# ---- what is not sound -----------------------------------------------------------------------------------------------


def sound():
    builder = Builder(np.random.default_rng(5), 3)
    value = builder.step(Form({INPUT: np.ones((4, 3))}, np.zeros(4)), lr.RELU)
    return builder.finish(builder.max(value, [[0, 1, 2, 3], [0, 2]]))


def with_step(graph, k, **changes):
    steps = list(graph.steps)
    steps[k] = dataclasses.replace(steps[k], **changes)
    return dataclasses.replace(graph, steps=tuple(steps))


def with_term(graph, **changes):
    return with_step(graph, 0, terms=(graph.steps[0].terms[0]._replace(**changes),))


def with_maxima(graph, **changes):
    return dataclasses.replace(graph, maxima=graph.maxima._replace(**changes))


def swapped(array, *places):
    array = array.copy()
    array[list(places)] = array[list(reversed(places))]
    return array


UNSOUND = {
    "no steps": (lambda g: dataclasses.replace(g, steps=()), "has no steps"),
    "no layout": (lambda g: dataclasses.replace(g, input_layout=3), "no layout as input_layout"),
    "sizes": (lambda g: dataclasses.replace(g, input_shape=(5,)), r"input_shape \(5,\) for 3 units"),
    "zero size": (lambda g: dataclasses.replace(g, output_shape=(2, 0)), r"output_shape \(2, 0\)"),
    "empty layout": (lambda g: dataclasses.replace(g, input_layout=Layout(0, 3, np.arange(3))), "layout of"),
    "units twice": (
        lambda g: dataclasses.replace(g, input_layout=Layout(3, 1, np.array([0, 1, 1]))),
        "units twice in input_layout",
    ),
    "order": (lambda g: dataclasses.replace(g, input_layout=Layout(3, 1, np.arange(4))), "an order of 4 units"),
    "no order": (lambda g: dataclasses.replace(g, input_layout=Layout(3, 1, None)), "no array of numbers"),
    "huge layout": (lambda g: dataclasses.replace(g, input_layout=Layout(2**62, 2**62, np.arange(3))), "an order of 3"),
    "bias": (lambda g: with_step(g, 0, bias=np.zeros(5)), r"the bias of step 0 of shape \(5,\)"),
    "NaN": (lambda g: with_step(g, 0, bias=np.full(4, np.nan)), "NaN or infinite numbers in the bias of step 0"),
    "activation": (lambda g: with_step(g, 0, activation="relu"), "no PiecewiseLinear as activation of step 0"),
    "output": (lambda g: with_step(g, -1, activation=lr.RELU), "has the activation relu after its last step"),
    "source": (lambda g: with_term(g, source=0), "reads tensor 0 in step 0"),
    "blocks": (lambda g: with_term(g, blocks=np.zeros((1, 7, 7))), r"blocks of term 0 of step 0 of shape \(1, 7, 7\)"),
    "site": (lambda g: with_term(g, site=g.steps[0].terms[0].site + 99), "out of range in the sites of term 0"),
    "block": (lambda g: with_term(g, block=g.steps[0].terms[0].block - 1), "out of range in the taps of term 0"),
    "offsets": (lambda g: with_term(g, offsets=g.steps[0].terms[0].offsets * 0), "offsets that do not hold all taps"),
    "step": (lambda g: dataclasses.replace(g, steps=(3, *g.steps[1:])), "something else than a step as step 0"),
    "term": (lambda g: with_step(g, 0, terms=(3,)), "something else than a term in step 0"),
    "maxima": (lambda g: dataclasses.replace(g, maxima=None), "no record of its maxima"),
    "entries": (lambda g: with_maxima(g, size=np.array([4, 0])), "out of range in the sizes of windows"),
    "comparisons": (lambda g: with_maxima(g, window=np.array([1, 1, 1, 0])), "too many or few comparisons"),
    "compares by abs": (lambda g: with_step(g, 1, activation=lr.ABS), "compares by abs in step 1"),
    "unit twice": (lambda g: with_maxima(g, unit=np.zeros(4, dtype=int)), "compares twice by a unit of step"),
    "unit": (lambda g: with_maxima(g, unit=np.full(4, 9)), "compares a unit that step 1 does not have"),
    "out of order": (
        lambda g: with_maxima(g, left=g.maxima.right, right=g.maxima.left),
        "out of order|does not have yet",
    ),
    "entry twice": (lambda g: with_maxima(g, left=np.zeros(4, dtype=int), right=np.ones(4, dtype=int)), "twice"),
    "winner to come": (lambda g: with_maxima(g, left=np.full(4, -3)), "does not have yet"),
    "beside": (
        lambda g: with_maxima(
            g,
            **{n: getattr(g.maxima, n)[[0, 1, 3]] for n in ("window", "step", "unit", "left", "right")},
            size=np.array([4])[:0],
        ),
        "of shape",
    ),
}


@pytest.mark.parametrize("case", sorted(UNSOUND))
def test_what_is_not_sound_is_refused(case):
    change, message = UNSOUND[case]
    Network.from_graph(sound())
    with pytest.raises(
        InvalidValueError, match=rf"`graph` .*({message}).*but Network\.from_graph needs .*\. Make graphs with"
    ):
        Network.from_graph(change(sound()))


def test_a_step_that_compares_has_no_other_neurons():
    graph = sound()
    [k] = {int(k) for k in graph.maxima.step[:1]}
    only = graph.maxima.window == 0
    fewer = graph.maxima._replace(
        **{n: getattr(graph.maxima, n)[only] for n in ("window", "step", "unit", "left", "right")},
        size=np.array([4]),
        after=graph.maxima.after[:1],
    )
    with pytest.raises(InvalidValueError, match=f"units in step {k} that compare nothing beside those that compare"):
        Network.from_graph(dataclasses.replace(graph, maxima=fewer))


def test_constant_units_that_fill_a_comparing_step_are_no_neurons():
    term = Term(INPUT, np.array([0, 1]), np.array([0]), np.array([0]), np.array([[[-1.0, 0.0], [1.0, 0.0]]]))
    compare = Step((term,), np.array([0.0, -1.0]), Layout(1, 2, np.arange(2)), lr.RELU)
    add = Term(0, np.array([0, 1]), np.array([0]), np.array([0]), np.array([[[1.0], [0.0]]]))
    first = Term(INPUT, np.array([0, 1]), np.array([0]), np.array([0]), np.array([[[1.0], [0.0]]]))
    last = Step((first, add), np.zeros(1), Layout(1, 1, np.arange(1)))
    one, none = np.array([1]), np.array([0])
    maxima = Maxima(none, none, none, none, one, np.array([2]), np.array([INPUT]))
    network = Network.from_graph(Graph(Layout(1, 2, np.arange(2)), (compare, last), (2,), (1,), maxima))
    assert network.n_neurons == 1
    assert network([[1.0, 3.0], [2.0, 0.0]]).tolist() == [[3.0], [2.0]]
    assert network.patterns([[1.0, 3.0], [2.0, 0.0]]).tolist() == [[1], [0]]


def test_too_many_entries_are_refused_with_a_remedy():
    builder = Builder(np.random.default_rng(0), 1)
    entries = Form({INPUT: np.arange(257.0)[:, None]}, np.zeros(257))
    graph = builder.finish(builder.max(entries, [list(range(257))]))
    with pytest.raises(InvalidValueError, match=r"maximum of 257 entries, .* Take the maximum in two steps"):
        Network.from_graph(graph)


def test_what_is_no_graph_is_refused():
    with pytest.raises(InvalidTypeError, match=r"`graph` is int, but Network\.from_graph needs a linregions"):
        Network.from_graph(3)
