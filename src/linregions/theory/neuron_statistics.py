"""Gradients and pre-activations of random networks at one input, by simulation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linregions._support.estimates import Estimate
from linregions._support.validation import FloatArray, as_generator, as_integer, as_positive, as_rows, as_vector
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.theory.ensembles import RandomNetworks

_CHUNK_NUMBERS = 1 << 21


@dataclass(frozen=True, eq=False)
class NeuronStatistics:
    """What every neuron of many random networks does at one input; row k belongs to network k.

    Parameters
    ----------
    pre_activations : ndarray of float64, shape (networks, n_neurons)
        The paper's z(x), without the neuron's own bias.
    gradient_norms : ndarray of float64, shape (networks, n_neurons)
        ``||grad z(x)||``.
    derivatives : ndarray of float64, shape (networks, n_neurons)
        ``dz/dx_1``.
    good : ndarray of bool, shape (networks, n_neurons)
        Whether a path of open neurons leads from the neuron to the output, itself not included.
    alive : ndarray of bool, shape (networks, n_neurons)
        Whether every layer below the neuron's has an open neuron, without which its gradient is zero.
    """

    pre_activations: FloatArray
    gradient_norms: FloatArray
    derivatives: FloatArray
    good: npt.NDArray[np.bool_]
    alive: npt.NDArray[np.bool_]


def neuron_statistics(
    law: RandomNetworks, x: npt.ArrayLike, rng: np.random.Generator | int, networks: int
) -> NeuronStatistics:
    """Draw networks and evaluate all neurons and their gradients at one input.

    Parameters
    ----------
    law : RandomNetworks
    x : array_like, shape (n_in,)
    rng : numpy.random.Generator or int
        Source of randomness, or a seed.
    networks : int
        How many to draw.

    Returns
    -------
    NeuronStatistics

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    Notes
    -----
    Weights have densities, so a path of open neurons exists as soon as every layer on the way has an open neuron.

    References
    ----------
    Hanin & Rolnick (2019), Theorem 6, on "good".

    Examples
    --------
    >>> from linregions.theory import RandomNetworks
    >>> found = neuron_statistics(RandomNetworks([3, 4, 4, 1]), [1.0, 0.0, 0.0], 0, 100)
    >>> found.gradient_norms.shape, bool(found.good[:, 4:].all())  # nothing stands behind the last layer
    ((100, 8), True)
    """
    who = "neuron_statistics"
    check_law(law, who)
    point = as_input(x, law, who)
    generator, left = as_generator(rng, "rng", who), as_integer(networks, "networks", who, 1)
    widest = max(law.widths)
    size = max(1, min(left, _CHUNK_NUMBERS // (widest * max(widest, law.n_in))))
    parts = []
    while left > 0:
        parts.append(_evaluate(law, point, generator, min(size, left)))
        left -= size
    return NeuronStatistics(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _evaluate(
    law: RandomNetworks, point: FloatArray, rng: np.random.Generator, count: int
) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    weights, biases = law.sample_parameters(rng, count)
    slopes = np.asarray(law.activation.slopes)
    values = weights[0] @ point
    derivative, jacobian = weights[0][:, :, 0], weights[0]
    if law.depth and law.n_in > jacobian.shape[1]:  # W = R Q, and only R enters the norms of gradients
        jacobian = np.swapaxes(np.linalg.qr(np.swapaxes(jacobian, 1, 2), mode="r"), 1, 2)
    found: list[tuple[FloatArray, ...]] = []
    openings, first = [], 0
    for layer, width in enumerate(law.hidden_widths):
        found.append((values, np.linalg.norm(jacobian, axis=2), derivative))
        shifted = values - biases[:, first : first + width]
        first += width
        slope = slopes[law.activation.pieces(shifted)]
        openings.append((slope != 0).any(axis=1))
        following = weights[layer + 1]
        values = (following @ law.activation(shifted)[..., None])[..., 0]
        jacobian = following @ (slope[..., None] * jacobian)
        derivative = (following @ (slope * derivative)[..., None])[..., 0]
    layers, width_of = len(openings), law.hidden_widths
    above = [np.logical_and.reduce([np.ones(count, bool), *openings[k + 1 :]]) for k in range(layers)]
    below = [np.logical_and.reduce([np.ones(count, bool), *openings[:k]]) for k in range(layers)]
    good, alive = (
        np.concatenate([np.repeat(one[:, None], width, axis=1) for one, width in zip(flags, width_of, strict=True)], 1)
        for flags in (above, below)
    )
    z, norm, single = (np.concatenate(arrays, axis=1) for arrays in zip(*found, strict=True))
    return z, norm, single, good, alive


def layer_means(law: RandomNetworks, samples: npt.ArrayLike, rng: np.random.Generator | None = None) -> list[Estimate]:
    """Average a quantity over networks and over the neurons of each hidden layer, whose laws are the same.

    Samples have the shape (networks, n_neurons), with NaN where a neuron does not count; `rng` is what they came from,
    whose seed is noted. The independent samples are networks: neurons of one network depend on each other.
    """
    values = np.asarray(samples, dtype=np.float64)
    ends = np.cumsum((0, *law.hidden_widths))
    found = []
    for low, high in itertools.pairwise(ends):
        part = values[:, low:high]
        kept = ~np.isnan(part).all(axis=1)
        found.append(Estimate.from_samples(np.nanmean(part[kept], axis=1), rng))
    return found


def gradient_moments(
    law: RandomNetworks,
    points: npt.ArrayLike,
    orders: Sequence[float],
    rng: np.random.Generator | int,
    *,
    networks: int = 2000,
) -> list[Estimate]:
    r"""Estimate the largest mean power of a gradient's norm, over neurons and given inputs.

    Parameters
    ----------
    law : RandomNetworks
    points : array_like, shape (N, n_in)
        Inputs; the supremum is taken over these. For ReLU with symmetric laws one is enough (see Notes).
    orders : sequence of float
        Powers m, each positive.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed.
    networks : int
        Drawn anew for every point.

    Returns
    -------
    list of Estimate
        :math:`\max_{z, x} E \|\nabla z(x)\|^m` for each m: the largest of the layers' estimates, with its error.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    Notes
    -----
    With symmetric weights and biases and an activation whose slopes depend on the sign alone (ReLU, leaky ReLU,
    absolute value), the law of the gradient does not depend on x: flipping the sign of all parameters of a neuron flips
    a fair coin for its slope, and the sign of its gradient is absorbed by the next layer's symmetric weights.

    References
    ----------
    Hanin & Rolnick (2019), eqs. (2), (14), Corollary 4.

    Examples
    --------
    >>> from linregions.theory import RandomNetworks
    >>> (second,) = gradient_moments(RandomNetworks([2, 8, 8, 1]), [[1.0, 0.0]], [2], 0)
    >>> abs(second.z_score(2.0)) < 4  # eq. (33)
    True
    """
    who = "gradient_moments"
    check_law(law, who)
    inputs = as_rows(points, "points", who)
    powers = [as_positive(order, "orders", who) for order in orders]
    generator = as_generator(rng, "rng", who)
    best: list[Estimate] = [Estimate(-math.inf, math.nan, 0)] * len(powers)
    for x in inputs:
        norms = neuron_statistics(law, x, generator, networks).gradient_norms
        for k, power in enumerate(powers):
            best[k] = max([best[k], *layer_means(law, norms**power, generator)], key=lambda one: one.value)
    if not all(math.isfinite(one.value) for one in best):
        raise InvalidValueError(
            f"`points` has shape {inputs.shape}, but {who} needs at least one input, and `law` a hidden layer. Add one."
        )
    return best


def root(moment: Estimate, order: float) -> Estimate:
    """Return the `order`-th root of an estimated moment, with its error to first order."""
    value = moment.value ** (1 / order)
    return Estimate(value, value / (order * moment.value) * moment.stderr, moment.n, moment.seed)


def as_input(x: npt.ArrayLike, law: RandomNetworks, who: str) -> FloatArray:
    """Return `x` as an input of the networks of a law, or raise."""
    point = as_vector(x, "x", who)
    if point.size != law.n_in:
        raise InvalidValueError(
            f"`x` has {point.size} coordinates, but {who} needs the {law.n_in} inputs of `law`. Give one for each."
        )
    return point


def check_law(law: object, who: str) -> None:
    """Raise unless `law` is a RandomNetworks."""
    if not isinstance(law, RandomNetworks):
        raise InvalidTypeError(
            f"`law` is {type(law).__name__}, but {who} needs RandomNetworks. Give widths, weights and biases to it."
        )
