"""Normalisation of inputs that is given with a model: ``model(scale * x + shift)`` as a network of the raw x."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray, as_float_array
from linregions.errors import InvalidValueError


def scale_and_shift(
    scale: Any, shift: Any, shapes: Sequence[tuple[int, ...]], who: str
) -> tuple[FloatArray, FloatArray]:
    """Return the factor and the offset of every input.

    Parameters
    ----------
    scale, shift : float, array_like or None
        One number; an array that broadcasts to the shape of each input, as numpy does; or one number a channel, for
        inputs of shape (channels, ...).
    shapes : sequence of tuple of int
        Of the inputs, without the batch axis.
    who : str
        Whose arguments they are.

    Returns
    -------
    factors, offsets : ndarray of float64, shape (n_in,)
        Of all inputs, flat, one after the other.

    Raises
    ------
    InvalidValueError
        If a shape does not fit or could mean two things, a number is not finite, or a factor is zero.
    """
    factors = _flat(scale, 1.0, shapes, "scale", who)
    if not factors.all():
        raise InvalidValueError(
            f"`scale` has a zero, but {who} needs factors other than zero. Give one over the standard deviation."
        )
    return factors, _flat(shift, 0.0, shapes, "shift", who)


def _flat(value: Any, default: float, shapes: Sequence[tuple[int, ...]], name: str, who: str) -> FloatArray:
    if value is None:
        return np.full(sum(math.prod(shape) for shape in shapes), default)
    array = as_float_array(value, name, who)
    return np.concatenate([_broadcast(array, shape, name, who).ravel() for shape in shapes])


def _broadcast(array: FloatArray, shape: tuple[int, ...], name: str, who: str) -> FloatArray:
    along = [axis for axis in {0, len(shape) - 1} if len(shape) > 1 and array.shape == (shape[axis],)]
    if len(along) == 2 and array.size > 1:
        raise InvalidValueError(
            f"`{name}` has shape {array.shape}, which fits the first and the last axis of inputs of shape {shape}, but "
            f"{who} needs one meaning. Give it with all axes, e.g. `numpy.reshape({name}, (-1"
            f"{', 1' * (len(shape) - 1)}))` for the first."
        )
    if along == [0]:
        array = array.reshape(-1, *(1,) * (len(shape) - 1))
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise InvalidValueError(
            f"`{name}` has shape {array.shape}, but {who} needs a number, one a channel, or an array that broadcasts "
            f"to the inputs' shape {shape}. Reshape it."
        ) from None
