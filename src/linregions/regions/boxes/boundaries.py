"""Which facets are boundaries of linear or of gradient regions, and which cells they leave joined."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.networks.network import Network
from linregions.regions.boxes.batch import IndexArray, IntArray
from linregions.regions.planes.boundaries import boundaries_between


def facet_boundaries(
    network: Network, kind: str, patterns: npt.NDArray[np.uint8], facet_cells: IndexArray
) -> npt.NDArray[np.bool_]:
    """Tell which facets are boundaries between regions of a kind, shape (F,); sides of the domain are none.

    Parameters
    ----------
    network : Network
    kind : {"activation", "linear", "gradient"}
    patterns : ndarray of uint8, shape (C, n_neurons)
    facet_cells : ndarray of int64, shape (F, 2)
        -1 outside.
    """
    result = facet_cells[:, 1] >= 0
    if kind == "activation" or not result.any():
        return result
    inner = np.flatnonzero(result)
    left, right = np.ascontiguousarray(facet_cells[inner].T.astype(np.int32))
    result[inner] = boundaries_between(network, kind, patterns, left, right)
    return result


def joined_labels(n_cells: int, facet_cells: IndexArray, is_boundary: npt.NDArray[np.bool_]) -> IntArray:
    """Return the number of the region that each cell is in where those facets alone divide, shape (C,)."""
    from linregions.regions.planes.kernels.boundaries import components

    opened = (facet_cells[:, 1] >= 0) & ~is_boundary
    return np.asarray(components(n_cells, np.ascontiguousarray(facet_cells[opened].astype(np.int32))))
