"""The regions of a graph in a plane where no output is clearly ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.network import Network
from linregions.regions.outputs import region_maps, root_mean_squares
from linregions.regions.planes.restriction import REACH

IndexArray = npt.NDArray[np.int64]
# How many numbers the maps of a block of regions may hold.
_BLOCK_NUMBERS = 1 << 18
# Outputs of larger or smaller exponents are brought into a unit of their own.
_MODERATE = 400


def in_moderate_unit(network: Network, rows: FloatArray) -> Network:
    """Return the graph with outputs in a power of two in which those of a window do not overflow or vanish."""
    with np.errstate(over="ignore", invalid="ignore"):
        most = float(root_mean_squares(network, _sizes(rows)).max())
    exponent = int(np.frexp(most)[1]) if np.isfinite(most) else 900
    return network if abs(exponent) < _MODERATE else network.in_unit(exponent)


def contested_regions(
    network: Network, part: Any, rows: FloatArray, points: FloatArray, grain: FloatArray, relative: float
) -> tuple[IndexArray, FloatArray, FloatArray]:
    """Find the regions where no output is clearly ahead all over.

    Parameters
    ----------
    network : Network
        A graph, whose outputs are compared.
    part : PlanePartition
    rows : (3, n_in)
        What each coordinate of the frame adds to the input, and the input where both are 0.
    points : (V, 2)
        The vertices in the frame.
    grain : (2,)
        How far these may be from what they are, by rounding.
    relative : float
        Rounding of an output beside the terms that sum to it.

    Returns
    -------
    faces : (F,) ascending
    maps : (F, n, 3)
        Their affine maps in the frame.
    band : (F, n)
        How far each output may be from what it is, by rounding.
    """
    n_faces, n_out = part.pattern_words.shape[0], network.n_out
    own_band = relative * root_mean_squares(network, _sizes(rows))[0]
    size = max(1, _BLOCK_NUMBERS // (3 * n_out))
    faces, kept, bands = [np.zeros(0, dtype=np.int64)], [np.zeros((0, n_out, 3))], [np.zeros((0, n_out))]
    for begin in range(0, n_faces, size):
        end = min(begin + size, n_faces)
        maps = region_maps(network, rows, part.pattern_words[begin:end])
        band = own_band + np.abs(maps[:, :, :2]) @ grain
        offsets = part.face_offsets[begin : end + 1]
        corners = points[part.face_vertices[offsets[0] : offsets[-1]]]
        face = np.repeat(np.arange(end - begin), np.diff(offsets))
        values = np.einsum("cok,ck->co", maps[face, :, :2], corners) + maps[face, :, 2]
        # Who is first at one corner is compared with all others at each.
        first = values[offsets[:-1] - offsets[0]].argmax(axis=1)[face]
        lead = np.take_along_axis(values - band[face], first[:, None], axis=1) - (values + band[face])
        np.put_along_axis(lead, first[:, None], np.inf, axis=1)
        least = np.minimum.reduceat(lead.min(axis=1), offsets[:-1] - offsets[0])
        open_ = np.flatnonzero(~(least > 0))
        faces.append(begin + open_)
        kept.append(maps[open_])
        bands.append(band[open_])
    return np.concatenate(faces), np.concatenate(kept), np.concatenate(bands)


def _sizes(rows: FloatArray) -> FloatArray:
    return np.asarray(np.abs(rows[2]) + REACH * (np.abs(rows[0]) + np.abs(rows[1])))[None]
