"""Inputs that are images: how their numbers are rows, columns and channels, and how bright they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidValueError
from linregions.networks.network import Network
from linregions.plotting.explorer.packing import Pack

# Larger images would make the page larger than its regions do.
_MOST_PIXELS = 1 << 18


def image_of(
    pack: Pack, window: PlaneWindow, network: Network, rows: FloatArray | None, given: tuple[int, ...], shape: Any
) -> dict[str, Any] | None:
    """Add what images of inputs are made of; return their shape and range of values, or None where there are none."""
    n_in = window.n_in
    found = _asked(shape, n_in) if shape is not None else _found(network, given, n_in)
    if found is None:
        return None
    channels, height, width = found
    pack.add("input_origin", window.origin.astype(np.float32))
    pack.add("input_basis", window.basis.astype(np.float32))
    shown = window.point(window.polygon.mean(axis=0))[None] if rows is None else rows
    if rows is not None:
        pack.add("point_inputs", rows.astype(np.float32))
    low, high = float(shown.min()), float(shown.max())
    # What lies within the usual range of images is shown in it.
    if low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    return {
        "channels": channels,
        "height": height,
        "width": width,
        "low": low,
        "high": high if high > low else low + 1.0,
    }


def _asked(shape: Any, n_in: int) -> tuple[int, int, int]:
    sizes = tuple(int(size) for size in shape)
    full = sizes if len(sizes) == 3 else (1, *sizes)
    if len(full) != 3 or full[0] not in (1, 3) or int(np.prod(full)) != n_in:
        raise InvalidValueError(
            f"`image_shape` is {sizes}, but explore needs (rows, columns), or (channels, rows, columns) with 1 or 3 "
            f"channels, of {n_in} numbers. Leave it out where inputs are no images."
        )
    return full


def _found(network: Network, given: tuple[int, ...], n_in: int) -> tuple[int, int, int] | None:
    """Return the shape that the network has, or else the points."""
    own = tuple(network.graph.input_shape) if not network.is_chain else ()
    for shape in (own, given[1:]):
        full = shape if len(shape) == 3 else (1, *shape)
        fits = len(full) == 3 and full[0] in (1, 3) and min(full[1:]) > 1 and int(np.prod(full)) == n_in
        if fits and n_in <= _MOST_PIXELS * full[0]:
            return int(full[0]), int(full[1]), int(full[2])
    return None
