"""A network as a function of the coordinates of a plane, in units in which no square of its values is out of range."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.domains.frames import Frame
from linregions.domains.windows import PlaneWindow
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.network import Network
from linregions.regions.planes.restriction import REACH, restrict, shifted
from linregions.regions.planes.scales import LARGE, SMALL, common, is_homogeneous, pieces, scaled_step, sizes_after


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
