"""Powers of two taken out of neurons whose numbers are so large or small that squares of them are none.

A positive factor of a neuron changes no region, and a power of two changes no bit of a number, so this is done only
where it is needed. Where an activation is not homogeneous, all its neurons get one factor, and its breakpoints too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.domains.frames import Frame
from linregions.domains.windows import PlaneWindow
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.network import AffineLayer, Network
from linregions.regions.planes.restriction import REACH, FloatArray, IndexArray, exponents, restrict, shifted

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


def in_frame(network: Network, window: PlaneWindow, frame: Frame) -> Network:
    """Return the network with the coordinates of a window's frame as its inputs.

    The units of hidden neurons are powers of two, and so is the one of all outputs, which only keep their order.
    Neurons and their patterns stay what they are. The first layer is restricted to the plane in twice the precision,
    so that nothing is lost where its terms cancel, as in a window far from the origin.
    """
    activations: tuple[PiecewiseLinear | None, ...] = (*network.activations, None)
    rows, exponent = restrict(network, 0, window, frame)
    size = np.abs(rows[0]) + REACH * (np.abs(rows[1]) + np.abs(rows[2]))
    there = shifted(size, exponent)
    if np.all(((there > SMALL) & (there < LARGE)) | (size == 0)):
        wanted = np.zeros_like(exponent)
    else:
        wanted = common(np.where(size == 0, 0, exponent), activations[0], size > 0)
    rows, size = shifted(rows[:3], exponent - wanted), shifted(size, exponent - wanted)
    steps, made = [(rows[1:].T, rows[0])], []
    for layer, before, activation in zip(network.layers[1:], network.activations, activations[1:], strict=True):
        made.append(_scaled_activation(before, wanted))
        size = sizes_after(before, size, wanted)
        weight, bias, wanted, size = scaled_step(layer, wanted, size, activation)
        steps.append((weight, bias))
    return Network.from_layers(steps, made)


def _scaled_activation(activation: PiecewiseLinear, exponent: npt.NDArray[np.int64]) -> PiecewiseLinear:
    if not exponent.any() or is_homogeneous(activation):
        return activation
    breakpoints, knots, heights = pieces(activation, exponent)
    anchor = float(knots[0]), float(heights[0])
    return PiecewiseLinear(breakpoints.tolist(), activation.slopes, anchor=anchor, name=activation.name)
