"""Restrict a network of any connectivity to a plane and flatten it for the kernels."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from linregions._support.validation import FloatArray
from linregions.domains.frames import Frame
from linregions.domains.windows import PlaneWindow
from linregions.networks.flatten import Flat, affine_rows, graph_steps
from linregions.networks.network import Network
from linregions.networks.switches import switch_layout
from linregions.regions.planes.kernels import records
from linregions.regions.planes.restriction import REACH

_flats: WeakKeyDictionary[Network, Flat | None] = WeakKeyDictionary()


def flat_of(network: Network) -> Flat | None:
    """Return the steps of a network, flattened once for each; None if nothing switches."""
    if network not in _flats:
        _flats[network] = graph_steps(network.graph, [each.first for each in switch_layout(network)])
    return _flats[network]


def _in_frame(rows: FloatArray, centre: tuple[float, float], shear: float, scale: tuple[float, float]) -> FloatArray:
    """Return rows of a window's origin and basis as constant and slopes in its frame, all of shape (3, units)."""
    constant = rows[0] + centre[0] * rows[1] + centre[1] * rows[2]
    return np.stack([constant, scale[0] * (rows[1] + shear * rows[2]), scale[1] * rows[2]])


def make_graph_plan(network: Network, window: PlaneWindow, relative: float, frame: Frame) -> records.Plan | None:
    """Restrict a network to a plane and flatten it; None if nothing switches.

    Rows of what is affine everywhere are sums of doubles, so the sizes of all their terms count for rounding.
    """
    flat = flat_of(network)
    if flat is None:
        return None
    points = np.vstack([window.origin, window.basis])
    wanted = [int(flat.of[i]) for i in (0, *flat.given)]
    made = affine_rows(network.graph, wanted, points)
    tables = []
    for k in wanted:
        rows = _in_frame(made[k][0], frame.centre, frame.shear, frame.scale)
        centre = abs(frame.centre[0]), abs(frame.centre[1])
        terms = _in_frame(made[k][1], centre, abs(frame.shear), frame.scale)
        size = np.abs(rows[0]) + terms[0] + REACH * (terms[1] + terms[2])
        tables.append(np.vstack([rows, size, np.hypot(rows[1], rows[2])]))
    given = np.hstack(tables[1:]) if len(tables) > 1 else np.zeros((5, 0))
    twins = np.zeros(flat.steps.biases.shape, dtype=np.int64)
    return records.Plan(tables[0], given, *flat.steps, twin=twins, relative=relative)
