"""`boundary_distance`: shapes, messages, threads, and that it is the distance to a place where a neuron switches."""

import itertools

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.errors import InvalidTypeError, InvalidValueError, NumericalError
from linregions.measures.distances import choice
from linregions.measures.distances.distance import boundary_distance
from tests.support.zoo import ACTIVATIONS, golden

NET = lr.random_network([3, 6, 5, 2], 0, bias_variance=0.3)


def gradient(net, x, neuron):
    """Jacobian row of one neuron at one point, straight from the definition."""
    layer, index = net.locate_neuron(neuron)
    row = net.layers[layer].weight[index]
    z = net.pre_activations(x)
    for k in range(layer - 1, -1, -1):
        activation = net.activations[k]
        row = (row * np.asarray(activation.slopes)[activation.pieces(z[k])]) @ net.layers[k].weight
    return row


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"identity"}))
@pytest.mark.parametrize("widths", [[2, 5, 1], [2, 6, 6, 1], [2, 4, 4, 4, 4, 2]], ids=str)
def test_no_neuron_switches_nearer_and_the_named_one_switches_there(name, widths):
    rng = np.random.default_rng(len(widths))
    net = lr.random_network(widths, rng, activation=ACTIVATIONS[name], bias_variance=0.5)
    points = rng.normal(size=(25, 2))
    distances, neurons = boundary_distance(net, points, return_neurons=True)
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for x, d, neuron in zip(points, distances, neurons, strict=True):
        here = net.patterns(x)
        if np.isinf(d):
            assert neuron == -1
            continue
        np.testing.assert_array_equal(net.patterns(x + d * (1 - 1e-9) * directions), np.tile(here, (90, 1)))
        normal = gradient(net, x, int(neuron))
        normal = normal / np.linalg.norm(normal)
        beyond = net.patterns(np.stack([x + d * (1 + 1e-9) * normal, x - d * (1 + 1e-9) * normal]))
        assert np.any(beyond[:, neuron] != here[neuron])


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"identity"}))
@pytest.mark.parametrize("widths", [[1, 9, 9, 1], [3, 12, 12, 1], [30, 12, 12, 12, 1]], ids=str)
def test_the_nearest_point_is_where_the_neuron_switches(name, widths):
    rng = np.random.default_rng(len(widths))
    net = lr.random_network(widths, rng, activation=ACTIVATIONS[name], bias_variance=0.5)
    points = rng.normal(size=(5, 8, widths[0]))
    distances, neurons, nearest = boundary_distance(net, points, return_neurons=True, return_points=True)
    assert nearest.shape == points.shape
    for x, d, neuron, p in zip(
        points.reshape(-1, widths[0]), distances.ravel(), neurons.ravel(), nearest.reshape(-1, widths[0]), strict=True
    ):
        if neuron < 0:
            assert np.all(np.isnan(p))
            continue
        assert np.linalg.norm(p - x) == pytest.approx(d, rel=1e-12)
        layer, index = net.locate_neuron(int(neuron))
        z = net.pre_activations(p)[layer][index]
        size = np.abs(net.pre_activations(x)[layer]).max() + 1
        assert min(abs(z - point) for point in net.activations[layer].breakpoints) <= 1e-12 * size
    two = boundary_distance(net, points, return_points=True)
    assert len(two) == 2
    np.testing.assert_array_equal(two[0], distances)
    np.testing.assert_array_equal(two[1], nearest)


@pytest.mark.parametrize("n_in", [2, 40])
def test_nearest_points_do_not_depend_on_threads_limits_or_batches(n_in):
    net = lr.random_network([n_in, 30, 30, 2], 0, bias_variance=0.3)
    points = np.random.default_rng(5).normal(size=(300, n_in))
    whole = boundary_distance(net, points, return_points=True)[1]
    for threads, limit in ((2, None), (1, 200_000), (3, 400_000)):
        found = boundary_distance(net, points, return_points=True, threads=threads, memory_limit=limit)[1]
        np.testing.assert_array_equal(found, whole)
    parts = [boundary_distance(net, part, return_points=True)[1] for part in np.array_split(points, [1, 7, 110])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_what_is_dear_is_made_once_for_as_long_as_the_network_lives(monkeypatch):
    import gc
    import pickle
    import weakref
    from concurrent.futures import ThreadPoolExecutor

    net = lr.random_network([20, 16, 16, 2], 0)
    points = np.random.default_rng(6).normal(size=(30, 20))
    before = pickle.dumps(net)
    first = boundary_distance(net, points)
    with ThreadPoolExecutor(4) as pool:
        fresh = lr.random_network([20, 16, 16, 2], 0)
        for found in pool.map(lambda _: boundary_distance(fresh, points), range(8)):
            np.testing.assert_array_equal(found, first)
    assert len(pickle.dumps(net)) < len(before) + 200  # with `neuron_offsets`, but nothing of what is kept
    with monkeypatch.context() as patch:
        patch.setattr(np.linalg, "qr", None)
        patch.setattr(np.linalg, "norm", None)
        np.testing.assert_array_equal(boundary_distance(net, points), first)
    np.testing.assert_array_equal(boundary_distance(pickle.loads(before), points), first)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_of_large_networks_only_decompositions_are_kept(monkeypatch):
    net, same = (lr.random_network([20, 16, 16, 2], 0) for _ in range(2))
    choice.plan_of(net, kept_bytes=1000)
    assert isinstance(choice._kept[net], choice._Short)
    points = np.random.default_rng(6).normal(size=(30, 20))
    expected = boundary_distance(same, points)
    monkeypatch.setattr(np.linalg, "qr", None)
    np.testing.assert_array_equal(boundary_distance(net, points), expected)


def test_zero_on_a_boundary_of_any_layer():
    net = Network.from_layers([(np.eye(2), [1.0, 1.0]), ([[1.0, -1.0]], [0.5]), ([[1.0]], [0.0])])
    distances, neurons = boundary_distance(net, [[-1.0, 3.0], [0.25, 0.75], [-5.0, -0.5]], return_neurons=True)
    assert distances.tolist() == [0.0, 0.0, 0.0]  # third: z = 0 - 0.5 + 0.5, and its gradient is (0, -1)
    assert neurons.tolist() == [0, 2, 2]


def test_a_breakpoint_met_without_gradient_is_no_boundary():
    net = Network.from_layers([(np.eye(2), [1.0, 1.0]), ([[1.0, -1.0]], [0.0]), ([[1.0]], [0.0])])
    distance, neuron = boundary_distance(net, [-3.0, -4.0], return_neurons=True)  # both first neurons are off
    assert distance == 2.0
    assert neuron == 0


def test_every_breakpoint_counts():
    net = Network.from_layers([([[2.0]], [0.0]), ([[1.0]], [0.0])], lr.HARD_TANH)
    points = np.array([[-2.0], [-0.6], [-0.25], [0.1], [0.4], [0.75]])
    np.testing.assert_allclose(boundary_distance(net, points), [1.5, 0.1, 0.25, 0.4, 0.1, 0.25], rtol=1e-15)


def test_units_that_cannot_switch_have_no_number():
    layers = [
        ([[1.0]], [4.0]),
        ([[1.0], [0.0]], [0.0, 0.0]),
        ([[1.0, 1.0], [3.0, 1.0]], [0.0, -4.0]),
        ([[1.0, 1.0]], [0]),
    ]
    net = Network.from_layers(layers, [lr.IDENTITY, lr.RELU, lr.RELU])
    distances, neurons = boundary_distance(net, [[-3.9], [-2.5], [0.0]], return_neurons=True)
    np.testing.assert_allclose(distances, [0.1, 1 / 6, 8 / 3], rtol=1e-12)
    assert neurons.tolist() == [0, 3, 3]


@pytest.mark.parametrize(
    "net",
    [
        Network.from_layers([(np.eye(3), np.ones(3))]),
        lr.random_network([3, 4, 4, 1], 0, activation=lr.IDENTITY),
        Network.from_layers([(np.zeros((4, 3)), np.ones(4)), (np.ones((2, 4)), np.ones(2)), (np.ones((1, 2)), [0.0])]),
    ],
    ids=["no hidden layer", "identity only", "no gradient"],
)
def test_infinite_where_nothing_can_switch(net):
    distances, neurons = boundary_distance(net, np.ones((4, 3)), return_neurons=True)
    assert np.all(np.isinf(distances))
    assert neurons.tolist() == [-1] * 4


def test_shape_follows_the_points():
    points = np.random.default_rng(1).normal(size=(2, 5, 3))
    distances, neurons = boundary_distance(NET, points, return_neurons=True)
    assert distances.shape == neurons.shape == (2, 5)
    assert distances.dtype == np.float64
    assert neurons.dtype == np.int32
    assert boundary_distance(NET, points[0]).shape == (5,)
    one = boundary_distance(NET, points[1, 2])
    assert one.shape == ()
    assert one == pytest.approx(distances[1, 2], rel=1e-13)
    np.testing.assert_allclose(boundary_distance(NET, points[0].tolist()), distances[0], rtol=1e-13)
    np.testing.assert_allclose(boundary_distance(NET, points.transpose(1, 0, 2)), distances.T, rtol=1e-13)


@pytest.mark.parametrize("case", ["toy2d_32x3", "mnist_64x3_trained"])
def test_threads_change_no_bit(case):
    net = golden(case).network
    points = np.random.default_rng(2).random((3000, net.n_in))
    one = boundary_distance(net, points, return_neurons=True)
    for threads in (2, 3, 50):
        several = boundary_distance(net, points, return_neurons=True, threads=threads)
        np.testing.assert_array_equal(one[0], several[0])
        np.testing.assert_array_equal(one[1], several[1])


def test_memory_does_not_grow_with_the_points():
    import tracemalloc

    net = golden("mnist_64x3_trained").network
    points = np.random.default_rng(3).random((4000, 784))
    peaks = []
    for n in (1000, 4000):
        boundary_distance(net, points[:n])
        tracemalloc.start()
        boundary_distance(net, points[:n])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Beyond the mask that the check for NaN makes, a byte for each coordinate, and the result itself.
    assert peaks[1] - peaks[0] <= 3000 * (784 + 16) + 100_000


def test_progress_is_shown(terminal):
    shown = terminal()
    boundary_distance(NET, np.zeros((7, 3)))
    assert shown.getvalue() == ""
    boundary_distance(NET, np.zeros((7, 3)), progress=True)
    assert "distances" in shown.getvalue()
    assert "7/7" in shown.getvalue()


def test_points_are_not_changed():
    points = np.random.default_rng(4).normal(size=(6, 3))
    before = points.copy()
    boundary_distance(NET, points)
    np.testing.assert_array_equal(points, before)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((5, 4)), r"`points` has shape \(5, 4\), but boundary_distance needs a last axis of 3 inputs"),
        (1.0, r"`points` has shape \(\), but boundary_distance needs a last axis of 3 inputs"),
        (np.zeros((0, 3)), r"`points` has shape \(0, 3\) and holds no point, but boundary_distance needs at least one"),
        ([[0.0, np.nan, 0.0]], r"`points` holds 1 NaN or infinite value\(s\), the first at index \(0, 1\)"),
    ],
)
def test_bad_points(points, message):
    with pytest.raises(InvalidValueError, match=message):
        boundary_distance(NET, points)


def test_bad_network_and_threads():
    with pytest.raises(InvalidTypeError, match=r"`network` is str, but boundary_distance needs a linregions.Network"):
        boundary_distance("net", [[0.0]])
    with pytest.raises(InvalidValueError, match="`threads` is 0, but boundary_distance needs at least 1"):
        boundary_distance(NET, np.zeros((1, 3)), threads=0)


@pytest.mark.parametrize("threads", [1, 2])
def test_overflow_is_an_error(threads):
    net = Network.from_layers([([[1e300]], [0.0]), ([[1e300]], [0.0]), ([[1.0]], [0.0])])
    with pytest.raises(NumericalError, match="`points` 0 to 4 make layer 1 of the network overflow"):
        boundary_distance(net, np.full((5, 1), 2.0), threads=threads)


@pytest.mark.parametrize("kind", ["activation", "linear"])
@pytest.mark.parametrize("unit", [2.0**-560, 2.0**500])
def test_distances_in_all_units(kind: str, unit: float) -> None:
    """Squares of lengths and of gradients vanish or overflow; a unit of zeros sets no scale."""
    rng = np.random.default_rng(0)
    layers = [
        (rng.normal(size=(b, a)) * (rng.uniform(size=(b, a)) < 0.5), rng.normal(size=b) * 0.4)
        for a, b in itertools.pairwise([3, 6, 5, 1])
    ]
    layers[0][0][2] = 0.0
    points = rng.normal(size=(4, 3))
    expected = lr.boundary_distance(lr.Network.from_layers(layers), points, kind=kind, return_neurons=True)
    inputs = [(w, b * unit) for w, b in layers]
    hidden = [(layers[0][0] * unit, layers[0][1] * unit), (layers[1][0], layers[1][1] * unit), layers[2]]
    for steps, scale in ((inputs, unit), (hidden, 1.0)):
        net = lr.Network.from_layers(steps)
        found = lr.boundary_distance(net, points * scale, kind=kind, return_neurons=True, return_points=True)
        assert np.all(np.isfinite(found[0]))
        np.testing.assert_allclose(found[0] / scale, expected[0], rtol=1e-9)
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_allclose(np.linalg.norm(found[2] / scale - points, axis=1), expected[0], rtol=1e-9)
