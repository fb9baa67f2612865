"""Powers of two taken out of neurons whose numbers are so large or small that squares of them are none.

A positive factor of a neuron changes no region, and a power of two changes no bit of a number, so this is done only
where it is needed. Where an activation is not homogeneous, all its neurons get one factor, and its breakpoints too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.networks.activations import PiecewiseLinear
from linregions.networks.network import AffineLayer
from linregions.regions.planes.restriction import exponents, shifted

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

# Sizes of pre-activations that are left as they are.
LARGE, SMALL = 2.0**64, 2.0**-64
# What underflows becomes this, so that it is not lost where nothing else is left: see `next_rows`.
_LEAST = 2.0**-1022


def is_homogeneous(activation: PiecewiseLinear) -> bool:
    """Whether the activation of a positive multiple is the multiple of the activation, exactly."""
    return not any(activation.breakpoints) and not activation.knots[0].any() and not activation.knots[1].any()


def common(
    exponent: IndexArray, activation: PiecewiseLinear | None, varies: npt.NDArray[np.bool_] | None = None
) -> IndexArray:
    """Return the exponents that neurons of a layer may have, from those that they would have alone.

    Without an activation they are outputs that are compared: all have one, whatever those that never vary have.
    """
    if activation is None:
        chosen = exponent if varies is None else exponent[varies]
        return np.full_like(exponent, chosen.max() if chosen.size else 0)
    if is_homogeneous(activation) or not exponent.any():
        return exponent
    levels = exponents(np.array([*activation.breakpoints, *activation.knots[1]]))
    return np.full_like(exponent, max(int(exponent.max()), int(levels.max())))


def pieces(activation: PiecewiseLinear, exponent: IndexArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return breakpoints, knots and heights of an activation of neurons in these units."""
    knots, heights = activation.knots
    numbers = np.asarray(activation.breakpoints), knots, heights
    if is_homogeneous(activation):
        return numbers
    down = -exponent[:1]
    breakpoints, knots, heights = (shifted(number, down) for number in numbers)
    return breakpoints, knots, heights


def sizes_after(activation: PiecewiseLinear, size: FloatArray, exponent: IndexArray) -> FloatArray:
    """Return bounds on the activation's values, from bounds on those that it is applied to."""
    _, knots, heights = pieces(activation, exponent)
    with np.errstate(over="ignore"):
        values = max(abs(slope) for slope in activation.slopes) * (size + np.abs(knots).max()) + np.abs(heights).max()
    return np.asarray(np.minimum(values, np.finfo(np.float64).max))


def scaled_step(
    layer: AffineLayer, before: IndexArray, size: FloatArray, activation: PiecewiseLinear | None
) -> tuple[FloatArray, FloatArray, IndexArray, FloatArray]:
    """Take powers of two out of an affine step of inputs of a `size` in units of two to the power of `before`.

    Returns weight, bias, exponents of the units, and bounds on their pre-activations in these units. There is no
    activation after the outputs.
    """
    weight, bias = layer.weight, layer.bias
    if not before.any():
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            found = np.sqrt(weight**2 @ size**2 + bias**2)
        idle = ~(weight.any(axis=1) | (bias != 0))
        if np.all(idle | ((found > SMALL) & (found < LARGE))):
            return weight, bias, np.zeros(bias.size, dtype=np.int64), found
    mantissa, power = np.frexp(weight)
    at = np.where(weight == 0, exponents(np.zeros(1)), power.astype(np.int64) + before)
    own = np.maximum(np.max(at + np.where(size > 0, exponents(size), 0), axis=1), exponents(bias))
    varies = own >= exponents(np.zeros(1)) // 2
    exponent = common(np.where(varies, own, 0), activation, varies)
    scaled = shifted(mantissa, at - exponent[:, None])
    scaled = np.where((weight != 0) & (np.abs(scaled) < _LEAST), np.copysign(_LEAST, weight), scaled)
    offset = shifted(bias, -exponent)
    offset = np.where((bias != 0) & (np.abs(offset) < _LEAST), np.copysign(_LEAST, bias), offset)
    with np.errstate(over="ignore", under="ignore"):
        bound = np.sqrt(scaled**2 @ size**2 + offset**2)
    return scaled, offset, exponent, np.where(np.isfinite(bound), bound, 1.0)
