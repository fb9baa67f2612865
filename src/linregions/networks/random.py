"""Networks at random, as they are before training."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_float_array, as_generator, as_positive, as_widths
from linregions.errors import InvalidValueError
from linregions.networks.activations import RELU, PiecewiseLinear
from linregions.networks.network import Network

Sampler = Callable[[np.random.Generator, tuple[int, ...]], npt.ArrayLike]


def random_network(
    widths: Sequence[int],
    rng: np.random.Generator | int | None = None,
    *,
    activation: PiecewiseLinear | str | Sequence[PiecewiseLinear | str] = RELU,
    weights: Literal["normal", "uniform"] | Sampler = "normal",
    weight_gain: float = 2.0,
    biases: Literal["normal", "uniform", "zero"] | Sampler = "normal",
    bias_variance: float = 1e-6,
) -> Network:
    """Draw a network at random; by default as in the paper.

    The paper draws weights i.i.d. normal with variance 2 / fan-in (He) and biases i.i.d. normal with
    variance 1e-6.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output, e.g. ``[784, 64, 64, 64, 10]``.
    rng : numpy.random.Generator or int, optional
        Source of randomness, or a seed. Without it every call draws another network.
    activation : PiecewiseLinear, str, or sequence of them
        One for all hidden layers, or one for each; by name as in `Network.from_layers`.
    weights : {"normal", "uniform"} or callable
        Distribution of the weights, scaled to variance `weight_gain` / fan-in. A callable gets
        ``(rng, (n_out, n_in))`` and returns weights of unit variance, which are then scaled likewise.
    weight_gain : float
        Variance of a weight times its fan-in.
    biases : {"normal", "uniform", "zero"} or callable
        Distribution of the biases, centred, with variance `bias_variance`. A callable gets
        ``(rng, (n_out,))`` and returns biases of unit variance.
    bias_variance : float
        Variance of a bias.

    Returns
    -------
    Network

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If a width is no positive integer, there are fewer than two, or a name is unknown.

    References
    ----------
    Hanin & Rolnick (2019), section 3.

    Examples
    --------
    >>> import linregions as lr
    >>> lr.random_network([784, 64, 64, 64, 10], 0)
    Network(784 -> 64 -> 64 -> 64 -> 10, 192 neurons, activation relu)
    """
    who = "random_network"
    generator = as_generator(rng, "rng", who, fresh=True)
    sizes = as_widths(widths, "widths", who)
    gain = as_positive(weight_gain, "weight_gain", who)
    deviation = float(as_float_array(bias_variance, "bias_variance", who, ndim=0))
    if deviation < 0:
        raise InvalidValueError(
            f"`bias_variance` is {deviation:g}, but {who} needs a number of at least 0. Give 0 for no biases."
        )
    deviation = float(np.sqrt(deviation))
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        weight = _draw(weights, "weights", generator, (fan_out, fan_in)) * np.sqrt(gain / fan_in)
        layers.append((weight, _draw(biases, "biases", generator, (fan_out,)) * deviation))
    return Network.from_layers(layers, activation)


def _draw(kind: Any, name: str, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Draw an array of unit variance."""
    if callable(kind):
        drawn = as_float_array(kind(rng, shape), name, "random_network")
        if drawn.shape != shape:
            raise InvalidValueError(
                f"`{name}` returned shape {drawn.shape}, but random_network needs {shape}. "
                "Return an array of the shape that the callable is given."
            )
        return drawn
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "uniform":
        return rng.uniform(-np.sqrt(3.0), np.sqrt(3.0), size=shape)
    if kind == "zero" and name == "biases":
        return np.zeros(shape)
    raise InvalidValueError(
        f"`{name}` is {kind!r}, but random_network needs 'normal', 'uniform'"
        f"{', ' + repr('zero') if name == 'biases' else ''} or a callable. Choose one of these."
    )
