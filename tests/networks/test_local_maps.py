"""The affine map of a network at a point, and the half-spaces of the point's activation region."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch

import linregions as lr
from linregions.errors import InvalidValueError, MissingDependencyError, NumericalError

TENT = lr.PiecewiseLinear([0.0, 0.5, 1.0], [0.0, 2.0, -2.0, 0.0], anchor=(0.0, 0.0))
ACTIVATIONS = {
    "relu": lr.RELU,
    "leaky": lr.leaky_relu(-0.3),
    "hard tanh": lr.HARD_TANH,
    "three breakpoints": TENT,
    "identity between": [lr.RELU, lr.IDENTITY, lr.HARD_SIGMOID],
}


def made(activation, widths=(5, 9, 7, 6, 3), seed=0):
    return lr.random_network(widths, seed, activation=activation, bias_variance=0.3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_map_is_the_network_on_the_whole_piece(name):
    net = made(ACTIVATIONS[name])
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 3, 5))
    matrix, vector = net.affine_map(x)
    assert matrix.shape == (4, 3, 3, 5)
    assert vector.shape == (4, 3, 3)
    np.testing.assert_array_equal(net.jacobian(x), matrix)
    np.testing.assert_allclose(np.einsum("...oi,...i->...o", matrix, x) + vector, net(x), atol=1e-12)
    near = x + 1e-3 * lr.boundary_distance(net, x)[..., None] * rng.normal(size=x.shape)
    np.testing.assert_allclose(np.einsum("...oi,...i->...o", matrix, near) + vector, net(near), atol=1e-12)


def test_the_jacobian_is_that_of_autograd():
    torch.manual_seed(0)
    layers = [torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 7), torch.nn.Hardtanh(), torch.nn.Linear(7, 4)]
    module = torch.nn.Sequential(*layers).double()
    net = lr.from_torch(module)
    for x in torch.randn(20, 6, dtype=torch.float64):
        theirs = torch.autograd.functional.jacobian(module, x).numpy()
        np.testing.assert_allclose(net.jacobian(x), theirs, atol=1e-13)


def test_at_a_breakpoint_the_piece_below_counts():
    net = lr.Network.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0])], TENT)
    assert net.jacobian([[0.0], [0.5], [1.0], [1.5]]).ravel().tolist() == [0.0, 2.0, -2.0, 0.0]
    assert net.affine_map([1.0])[1].tolist() == [2.0]
    region = net.region([0.5])
    assert region.pattern.tolist() == [1]
    assert (region.normals.ravel().tolist(), region.bounds.tolist()) == ([-1.0, 1.0], [0.0, 0.5])
    assert region.breakpoints.tolist() == [0, 1]
    assert region.contains([[0.5], [0.0], [0.25], [0.75], [-0.1]]).tolist() == [True, True, True, False, False]


def test_bits_do_not_depend_on_the_other_points():
    net = made(lr.RELU, (20, 30, 30, 3))
    x = np.random.default_rng(0).normal(size=(200, 20))
    matrix, vector = net.affine_map(x)
    for k in (0, 77, 199):
        one = net.affine_map(x[k])
        np.testing.assert_array_equal(matrix[k], one[0])
        np.testing.assert_array_equal(vector[k], one[1])


@pytest.mark.parametrize("size", [1, 100])
def test_blocks_of_points_change_nothing(monkeypatch, size):
    net = made(TENT)
    x = np.random.default_rng(0).normal(size=(50, 5))
    whole = net.affine_map(x)
    monkeypatch.setattr("linregions.networks.local_maps._BLOCK_NUMBERS", size)
    for first, second in zip(whole, net.affine_map(x), strict=True):
        np.testing.assert_array_equal(first, second)


def test_no_point_and_no_hidden_layer():
    net = lr.Network.from_layers([([[1.0, 2.0]], [3.0])])
    matrix, vector = net.affine_map(np.zeros((0, 2)))
    assert (matrix.shape, vector.shape) == ((0, 1, 2), (0, 1))
    assert net.affine_map([5.0, 5.0])[0].tolist() == [[1.0, 2.0]]
    region = net.region([5.0, 5.0])
    assert (region.normals.shape, region.neurons.shape, region.pattern.shape) == ((0, 2), (0,), (0,))
    assert bool(region.contains([1e9, 0.0]))
    assert region.reduced().bounds.size == 0


# ---- regions ---------------------------------------------------------------------------------------------------------


def test_a_point_on_the_border_is_in_its_region():
    """Rounding, which depends on how many points are asked for at once, does not put it outside."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n_in = int(rng.integers(2, 40))
        weight, x = rng.normal(size=(12, n_in)), rng.normal(size=n_in)
        layers = [(weight, np.zeros(12)), (rng.normal(size=(8, 12)), rng.normal(size=8)), (np.ones((1, 8)), [0.0])]
        layers[0] = weight, -lr.Network.from_layers(layers).pre_activations(x)[0]
        region = lr.Network.from_layers(layers).region(x)
        assert np.count_nonzero(region.distances == 0) >= 6
        assert bool(region.contains(x))
        assert np.all(region.contains(np.stack([x] * 5)))
        outside = x + 1e-9 * region.normals[0] / np.linalg.norm(region.normals[0])
        assert not region.contains(outside)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_half_spaces_hold_what_has_the_pattern(name):
    """Points of the same pattern and no others: the definition, tried at many points."""
    net = made(ACTIVATIONS[name])
    rng = np.random.default_rng(2)
    tried = 0
    for x in rng.normal(size=(5, 5)):
        region = net.region(x)
        assert bool(region.contains(x))
        # The region is many times as large as its narrowest place, and smaller than the largest of these balls.
        size = float(lr.boundary_distance(net, x)) * 10.0 ** rng.uniform(0, 2, size=(4000, 1))
        y = x + size * rng.normal(size=(4000, 5)) / 5**0.5
        same = np.all(net.patterns(y) == net.patterns(x), axis=1)
        np.testing.assert_array_equal(region.contains(y), same)
        np.testing.assert_array_equal(region.reduced().contains(y), same)
        tried += np.count_nonzero(same)
        np.testing.assert_allclose(np.array(region.matrix) @ x + region.vector, net(x), atol=1e-12)
    assert 1000 < tried < 19000


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_nearest_half_space_is_at_the_boundary_distance(name):
    net = made(ACTIVATIONS[name])
    for x in np.random.default_rng(3).normal(size=(20, 5)):
        region = net.region(x)
        distance, neuron = lr.boundary_distance(net, x, return_neurons=True)
        nearest = int(np.argmin(region.distances))
        assert region.distances[nearest] == pytest.approx(float(distance), rel=1e-10)
        assert region.neurons[nearest] == neuron


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_neurons_switch_where_their_half_space_ends(name):
    net = made(ACTIVATIONS[name])
    x = np.random.default_rng(4).normal(size=5)
    region = net.region(x).reduced()
    for normal, distance, neuron, which in zip(
        region.normals, region.distances, region.neurons, region.breakpoints, strict=True
    ):
        layer, index = net.locate_neuron(int(neuron))
        # The same linear piece goes on to the border of the region along this neuron's own normal only if it is the
        # first to end there; so its affine function is followed.
        step = normal / np.linalg.norm(normal)
        z, ahead = (net.pre_activations(x + t * step)[layer][index] for t in (0.0, 1e-6))
        reached = z + (ahead - z) / 1e-6 * distance
        assert reached == pytest.approx(net.activations[layer].breakpoints[which], abs=1e-6)


def test_what_bounds_a_region_of_the_plane_are_its_edges():
    """In two inputs: the neurons of the reduced region are those of the edges of the face, and no others."""
    net = lr.random_network([2, 12, 12, 1], 3, bias_variance=0.3)
    window = lr.PlaneWindow.of_inputs(-50, 50)
    part = lr.partition(net, window)
    checked = 0
    for face in np.flatnonzero(part.areas > 1e-4)[::2]:
        sides = part.face_edges[part.face_offsets[face] : part.face_offsets[face + 1]]
        if np.any(part.edge_neuron[sides] < 0):
            continue
        middle = window.point(part.polygon(face).mean(axis=0))
        region = net.region(middle).reduced()
        assert sorted(region.neurons.tolist()) == sorted(set(part.edge_neuron[sides].tolist()))
        np.testing.assert_allclose(
            np.min(region.bounds[:, None] - region.normals @ window.point(part.polygon(face)).T, axis=0), 0, atol=1e-9
        )
        checked += 1
    assert checked > 20


def test_equal_and_constant_neurons():
    """A duplicate leaves one half-space in the reduced region; what cancels and what is dead has none."""
    layers = [
        ([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 0.0], [0.1, 0.3]], [-1.0, -1.0, -2.0, 5.0, 7.0]),
        ([[1.0, -1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 0.0]], [0.5, -1.0]),
        ([[1.0, 1.0]], [0.0]),
    ]
    region = lr.Network.from_layers(layers).region([2.0, 0.0])
    assert region.neurons.tolist() == [0, 1, 2, 4]
    reduced = region.reduced()
    assert reduced.neurons.tolist() == [0, 4]
    assert reduced.normals.tolist() == [[-1.0, -0.0], [-0.1, -0.3]]


def test_a_gradient_that_rounding_makes_is_none():
    """Thirds that cancel leave about 1e-17, which is no hyperplane."""
    third = [[1 / 3, 0.1], [2 / 3, 0.2], [1.0, 0.3]]
    net = lr.Network.from_layers([(third, [3.0, 3.0, 3.0]), ([[1.0, 1.0, -1.0]], [1.0]), ([[1.0]], [0.0])])
    region = net.region([0.0, 0.0])
    assert region.neurons.tolist() == [0, 1, 2]


def test_integer_networks_are_exact():
    rng = np.random.default_rng(5)
    layers = [(rng.integers(-3, 4, size=(b, a)), rng.integers(-3, 4, size=b)) for a, b in ((3, 6), (6, 5), (5, 2))]
    net = lr.Network.from_layers(layers)
    for x in itertools.product((-2, 1, 3), repeat=3):
        rows, constant = np.eye(3, dtype=object) * Fraction(1), np.zeros(3, dtype=object)
        for k, (weight, bias) in enumerate(layers):
            rows, constant = weight.astype(object) @ rows, weight.astype(object) @ constant + bias
            if k < 2:
                is_open = (rows @ np.array(x, dtype=object) + constant) > 0
                rows, constant = rows * is_open[:, None], constant * is_open
        matrix, vector = net.affine_map(x)
        assert matrix.tolist() == rows.astype(float).tolist()
        assert vector.tolist() == constant.astype(float).tolist()


def test_images():
    net = made(lr.RELU, (12, 8, 3))
    image = np.random.default_rng(0).normal(size=(3, 4))
    assert net.jacobian(image).shape == (3, 12)
    assert net.jacobian(torch.tensor(image[None, None], requires_grad=True)).shape == (1, 3, 12)
    assert net.region(image).point.tolist() == image.ravel().tolist()


def test_messages(monkeypatch):
    net = made(lr.RELU)
    with pytest.raises(InvalidValueError, match=r"`x` has shape \(2, 5\), but region needs one point, shape \(5,\)"):
        net.region(np.zeros((2, 5)))
    with pytest.raises(InvalidValueError, match=r"`x` has shape \(4,\), but affine_map needs a last axis of 5 inputs"):
        net.affine_map(np.zeros(4))
    with pytest.raises(InvalidValueError, match=r"`x` has shape \(4,\), but ActivationRegion.contains needs a last"):
        net.region(np.zeros(5)).contains(np.zeros(4))
    monkeypatch.setitem(__import__("sys").modules, "scipy", None)
    monkeypatch.setitem(__import__("sys").modules, "scipy.optimize", None)
    with pytest.raises(MissingDependencyError, match=r"`scipy` cannot be imported .*linregions\[lp\]"):
        net.region(np.zeros(5)).reduced()


def test_regions_never_change():
    region = made(lr.RELU).region(np.zeros(5))
    for array in (region.normals, region.bounds, region.neurons, region.pattern, region.matrix, region.point):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    assert repr(region).startswith("ActivationRegion(")


def test_the_half_spaces_of_every_unit_by_hand():
    """As in the report that asked for them: signs and products of the weights, layer by layer."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)]
    module = torch.nn.Sequential(*layers).double()
    net = lr.from_torch(module)
    x = np.random.default_rng(0).normal(size=5)
    matrix, vector, rows, bounds = np.eye(5), np.zeros(5), [], []
    for layer in net.layers[:-1]:
        matrix, vector = layer.weight @ matrix, layer.weight @ vector + layer.bias
        is_open = matrix @ x + vector > 0
        sign = np.where(is_open, -1.0, 1.0)
        rows.append(sign[:, None] * matrix)
        bounds.append(-sign * vector)
        matrix, vector = matrix * is_open[:, None], vector * is_open
    region = net.region(x)
    assert region.neurons.tolist() == list(range(16))
    np.testing.assert_allclose(region.normals, np.concatenate(rows), atol=1e-14)
    np.testing.assert_allclose(region.bounds, np.concatenate(bounds), atol=1e-14)
    theirs = torch.autograd.functional.jacobian(module, torch.tensor(x)).numpy()
    np.testing.assert_allclose(region.matrix, theirs, atol=1e-14)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_gradients_whose_squares_no_float_holds(size):
    """Lengths are found without them; what overflows itself is an error."""
    layers = [([[3 * size, 4 * size], [size, 0.0]], [-5 * size, size]), ([[1.0, 1.0]], [0.0])]
    region = lr.Network.from_layers(layers).region([0.0, 0.0])
    assert region.neurons.tolist() == [0, 1]
    np.testing.assert_allclose(region.distances, [1.0, 1.0], rtol=1e-12)
    assert region.reduced().neurons.tolist() == [0, 1]


def test_overflow_is_an_error():
    huge = [([[1e200]], [0.0]), ([[1e200]], [0.0]), ([[1.0]], [0.0])]
    with pytest.raises(NumericalError, match="at which the affine map of the network overflows"):
        lr.Network.from_layers(huge).affine_map([1e-200])
    with pytest.raises(NumericalError, match="at which gradients of the network overflow"):
        lr.Network.from_layers(huge).region([1e-200])
