"""Networks built by hand, and what noise makes of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from linregions._support.validation import FloatArray, as_float_array, as_generator, as_integer, as_widths
from linregions.errors import InvalidValueError
from linregions.networks.importers import as_network
from linregions.networks.network import Network


def sawtooth_network(n: int) -> Network:
    """Build Telgarsky's sawtooth: 2^n teeth on [0, 1] from exactly 3 n + 4 neurons.

    Parameters
    ----------
    n : int
        Base-two logarithm of the number of teeth, at least 0.

    Returns
    -------
    Network
        One input, one output, and hidden ReLU layers of widths 2, 1, 2, 1, ..., 2, 1, 1. Every weight and bias
        is 0, 1, 2, -4 or -1/2, so that all are exact in float64.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If `n` is no integer of at least 0.

    Notes
    -----
    The tent map ``m(x) = relu(2 relu(x) - 4 relu(x - 1/2))`` takes three units: it rises from 0 to 1 on [0, 1/2],
    falls to 0 on [1/2, 1], and is 0 elsewhere. Composed n + 1 times it has 2^n teeth, each with one rising and one
    falling piece, on 3 n + 3 units. The unit still missing in the paper's 3 n + 4 is the output: as in Telgarsky's
    networks it is a node, so it is a ReLU here, which changes nothing as its input is never negative. A step
    with weight 1 reads it out, since a `Network` ends without activation; that step is no neuron.

    There are 2^(n + 1) regions on [0, 1], of either kind, and two more outside, where the network is 0. No count
    can be exact in float64 beyond n = 50, where breakpoints come closer to each other than numbers near 1.

    References
    ----------
    Hanin & Rolnick (2019), figure 3; Telgarsky (2015), Representation benefits of deep feedforward networks.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.sawtooth_network(3)
    >>> net.n_neurons, lr.count_regions(net, lr.Segment([0.0], [1.0]))
    (13, 16)
    >>> net([[0.0], [1 / 16], [1 / 8], [3 / 16]]).ravel()
    array([0., 1., 0., 1.])
    """
    tent = [([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])]
    output = ([[1.0]], [0.0])
    return Network.from_layers([*tent * (as_integer(n, "n", "sawtooth_network", 0) + 1), output, output])


def constant_network(widths: Sequence[int]) -> Network:
    """Build a network with a single region: all weights and biases are 0.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output.

    Returns
    -------
    Network
        ReLU between layers; it attains the minimum of section 2.1, one region of either kind, whatever the widths.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a width is no positive integer, or there are fewer than two.

    References
    ----------
    Hanin & Rolnick (2019), section 2.1.

    Examples
    --------
    >>> import linregions as lr
    >>> lr.count_regions(lr.constant_network([2, 64, 64, 1]), lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    1
    """
    sizes = as_widths(widths, "widths", "constant_network")
    return Network.from_layers([(np.zeros((n, m)), np.zeros(n)) for m, n in itertools.pairwise(sizes)])


def folding_network(widths: Sequence[int]) -> Network:
    """Build a network that folds the unit cube onto itself layer by layer, as Montúfar et al. do.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output; every hidden layer at least as wide as the input, n_0.

    Returns
    -------
    Network
        ReLU between layers. In the cube [0, 1]^n_0 it has exactly as many activation regions as
        `theory.montufar_lower_bound` says, and more in the whole input space. The linear regions there are as many if
        the last hidden layer has more units than there are inputs. All weights and biases are exact in float64.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a width is no positive integer, a hidden layer is narrower than the input, or weights would not be exact
        (more than about eight inputs).

    Notes
    -----
    With p = floor(n_i / n_0), the units relu(p x - j), j = 0 ... p - 1, combine to a zigzag ``relu(p x) - 2 relu(p x
    - 1) + 2 relu(p x - 2) - ...`` that maps each of p intervals onto [0, 1]. Every hidden layer but the last does so
    with each of the n_0 coordinates, so that p^n_0 small cubes are laid onto one; the combination is made by the
    weights of the next layer. Units left over have weights 0.

    The hyperplanes of the last hidden layer, ``a^n_0 - binom(n_0, 1) a^(n_0-1) x_1 + binom(n_0, 2) a^(n_0-2) x_2 -
    ... = 0`` for several a in (0, 1), are in general position: where some n_0 of them meet, x holds the elementary
    symmetric means of their a, and so lies in the cube, and no other passes there. In the plane they are tangents of
    a parabola. Their signs are chosen such that not all units are off at once, which is possible when there are more
    than n_0; otherwise small cubes next to each other share a region on which the network is constant.

    References
    ----------
    Montúfar, Pascanu, Cho & Bengio (2014), On the number of linear regions of deep neural networks, theorem 5. The last
    layer is our own choice; theirs is any arrangement in general position.

    Examples
    --------
    >>> import linregions as lr
    >>> from linregions import theory
    >>> net = lr.folding_network([2, 4, 4, 4, 1])
    >>> lr.count_regions(net, lr.PlaneWindow.of_inputs([0, 0], [1, 1])), theory.montufar_lower_bound(net.widths)
    (176, 176)
    """
    who = "folding_network"
    n_in, *hidden, n_out = as_widths(widths, "widths", who)
    for width in hidden:
        if width < n_in:
            raise InvalidValueError(
                f"`widths` has a hidden layer of {width} units, but {who} needs {n_in} at least, as many as inputs. "
                "Give wider layers or fewer inputs."
            )
    layers: list[tuple[FloatArray, FloatArray]] = []
    folded: FloatArray = np.eye(n_in)  # the folded coordinates from the values of the layer before
    for width in hidden[:-1]:
        p = width // n_in
        # Unit i p + j belongs to coordinate i.
        copies = np.vstack([np.repeat(np.eye(n_in), p, axis=0), np.zeros((width - p * n_in, n_in))])
        bias = np.concatenate([-np.tile(np.arange(p, dtype=float), n_in), np.zeros(width - p * n_in)])
        layers.append((p * copies @ folded, bias))
        zigzag = np.resize([2.0, -2.0], p)
        zigzag[0] = 1.0
        folded = np.hstack([np.kron(np.eye(n_in), zigzag), np.zeros((n_in, width - p * n_in))])
    layers.extend(_cut_cube(hidden, n_in, n_out, folded, np.zeros(n_in)))
    return Network.from_layers(layers)


def zigzag_network(widths: Sequence[int]) -> Network:
    """Build a network that folds each coordinate to one piece more than it has units, as Serra et al. do.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output; every hidden layer but the last at least three times as
        wide as the input, n_0. With one input, any widths.

    Returns
    -------
    Network
        ReLU between layers. In the cube [0, 1]^n_0 it has exactly as many activation regions as
        `theory.serra_lower_bound` says; with one input these are all. The linear regions there are as many if the last
        hidden layer has more units than there are inputs and, with one input, no hidden layer has a single unit. All
        weights and biases are exact in float64.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a width is no positive integer, a hidden layer is too narrow, or weights would not be exact (more than about
        eight inputs).

    Notes
    -----
    Of p >= 3 units the third opens to the left, the others to the right. With breakpoints 1/2, 3/2, ..., p - 1/2 and
    weights -3, 2, -2, 2, ... their sum has the slopes 2, -1, 1, -1, ... and maps each of the p + 1 pieces of
    [0, p + 1/2] onto [0, 1]; where all units open to the right, as in `folding_network`, one breakpoint is spent on the
    slope of the first piece. Two units make the slopes -1, 1, 2, so that one piece and the two others together cover
    [0, 1]; a single unit makes 0, 2. The last hidden layer is that of `folding_network`.

    References
    ----------
    Serra, Tjandraatmadja & Ramalingam (2018), Bounding and counting linear regions of deep neural networks, theorem 7.
    The slopes, and layers of one or two units, are our own choice.

    Examples
    --------
    >>> import linregions as lr
    >>> from linregions import theory
    >>> net = lr.zigzag_network([1, 5, 5, 5, 5, 5, 1])
    >>> lr.count_regions(net, lr.Line([0.0], [1.0])), theory.serra_lower_bound(net.widths)
    (7776, 7776)
    """
    who = "zigzag_network"
    n_in, *hidden, n_out = as_widths(widths, "widths", who)
    for width in hidden[:-1]:
        if n_in > 1 and width < 3 * n_in:
            raise InvalidValueError(
                f"`widths` has a hidden layer of {width} units before the last, but {who} needs {3 * n_in} at least, "
                f"three for each of {n_in} inputs. Give wider layers or fewer inputs, or use `folding_network`."
            )
    layers: list[tuple[FloatArray, FloatArray]] = []
    # The folded coordinates are `folded @ values + shift` of the values of the layer before.
    folded, shift = np.eye(n_in), np.zeros(n_in)
    for width in hidden[:-1]:
        p = width // n_in
        direction, breakpoints, weights, start, length = _zigzag(p)
        spare = width - p * n_in
        copies = np.vstack([np.kron(np.eye(n_in), length * direction[:, None]), np.zeros((spare, n_in))])
        bias = np.concatenate([np.tile(-direction * breakpoints, n_in), np.zeros(spare)])
        layers.append((copies @ folded, copies @ shift + bias))
        folded = np.hstack([np.kron(np.eye(n_in), weights[None, :]), np.zeros((n_in, spare))])
        shift = np.full(n_in, start)
    layers.extend(_cut_cube(hidden, n_in, n_out, folded, shift))
    return Network.from_layers(layers)


def _zigzag(p: int) -> tuple[FloatArray, FloatArray, FloatArray, float, float]:
    """Return directions, breakpoints and weights of p units, and the constant, that fold [0, length] to [0, 1]."""
    if p == 1:
        return np.ones(1), np.array([0.5]), np.array([2.0]), 0.0, 1.0
    if p == 2:
        # 1 - x up to 1, then x - 1 up to 1 + v, then with slope 2 up to 1. At v no later unit may switch: it has more
        # binary digits than any breakpoint of the last layer, and the others are no dyadic numbers, or 1/2.
        v = 0.5 + 2.0**-24
        return np.array([-1.0, 1.0]), np.array([1.0 + v, 1.0]), np.array([1.0, 2.0]), -v, 1.5 + v / 2
    direction, weights = np.ones(p), np.resize([-2.0, 2.0], p)
    direction[2], weights[0] = -1.0, -3.0
    # The third unit is 5/2 at 0, where the sum has to be 0.
    return direction, np.arange(0.5, p), weights, 5.0, p + 0.5


def _cut_cube(
    hidden: Sequence[int], n_in: int, n_out: int, folded: FloatArray, shift: FloatArray
) -> list[tuple[FloatArray, FloatArray]]:
    """Return the last hidden layer, which cuts the cube by hyperplanes in general position, and the output."""
    layers = []
    if hidden:
        normals, offsets = _symmetric_hyperplanes(hidden[-1], n_in)
        if (
            np.any(shift)
            and (np.abs(normals) @ (np.abs(folded).max(axis=1) + np.abs(shift)) + np.abs(offsets)).max() >= 2**53
        ):
            raise InvalidValueError(
                f"`widths` asks for {hidden[-1]} hyperplanes in {n_in} dimensions, but zigzag_network needs weights "
                "that float64 holds exactly. Give fewer inputs or a narrower last hidden layer."
            )
        layers.append((normals @ folded, normals @ shift + offsets))
        # Powers of two, so that no set of open units cancels.
        folded = np.ldexp(1.0, np.arange(1 - hidden[-1], 1))[None, :]
    else:
        folded = np.ones((1, n_in))
    layers.append((np.repeat(folded, n_out, axis=0), np.zeros(n_out)))
    return layers


def _symmetric_hyperplanes(count: int, dimension: int) -> tuple[FloatArray, FloatArray]:
    """Return normals and offsets of hyperplanes in general position that all meet within the unit cube."""
    scale = 2 ** count.bit_length()  # a = k / scale, all multiplied by scale^dimension
    rows = []
    for k in range(1, count + 1):
        sign = (-1) ** (count - k)
        powers = [math.comb(dimension, i) * k ** (dimension - i) * scale**i for i in range(dimension + 1)]
        if any(entry.bit_length() > 1000 or int(float(entry)) != entry for entry in powers):
            raise InvalidValueError(
                f"`widths` asks for {count} hyperplanes in {dimension} dimensions, but folding_network needs weights "
                "that float64 holds exactly. Give fewer inputs or a narrower last hidden layer."
            )
        row = [sign * (-1) ** i * entry for i, entry in enumerate(powers)]
        rows.append([float(entry) for entry in row])
    table = np.array(rows)
    return np.ascontiguousarray(table[:, 1:]), np.ascontiguousarray(table[:, 0])


def perturbed(network: Network, sd: float, rng: np.random.Generator | int) -> Network:
    """Return a network with independent normal noise added to every weight and bias.

    Parameters
    ----------
    network : Network
    sd : float
        Standard deviation of the noise, at least 0.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed.

    Returns
    -------
    Network

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If `sd` is negative or no number, or `network` no Network.

    References
    ----------
    Hanin & Rolnick (2019), figure 3, where sd = 0.1.

    Examples
    --------
    >>> import linregions as lr
    >>> noisy = perturbed(lr.sawtooth_network(6), 0.1, 0)
    >>> lr.count_regions(noisy, lr.Segment([0.0], [1.0])) < 128
    True
    """
    who = "perturbed"
    network = as_network(network, "network", who)
    deviation = float(as_float_array(sd, "sd", who, ndim=0))
    if deviation < 0:
        raise InvalidValueError(
            f"`sd` is {deviation:g}, but {who} needs a number of at least 0. Give the standard deviation of the noise."
        )
    generator = as_generator(rng, "rng", who)
    layers = [
        tuple(array + deviation * generator.normal(size=array.shape) for array in (layer.weight, layer.bias))
        for layer in network.layers
    ]
    return Network.from_layers([(weight, bias) for weight, bias in layers], network.activations)
