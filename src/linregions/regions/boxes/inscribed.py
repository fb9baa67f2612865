"""The largest ball in each cell."""

from __future__ import annotations

import numpy as np

from linregions.errors import NumericalError
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.batch import FloatArray
from linregions.regions.boxes.flat import FacetsOfCells


def inscribed_balls(cells: BoxCells, normals: FloatArray, offsets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a largest ball in every cell (its Chebyshev centre), where several are as large one of them.

    Parameters
    ----------
    cells : BoxCells
    normals : ndarray of float64, shape (F, d)
        Unit normals of the facets, away from the first cell of `facet_cells`.
    offsets : ndarray of float64, shape (F,)
        ``normal @ x`` on the facet.

    Returns
    -------
    radii : ndarray of float64, shape (C,)
        Distance of the centre from the nearest facet, which no other point of the cell exceeds.
    centers : ndarray of float64, shape (C, d)

    Raises
    ------
    NumericalError
        If a linear program does not end.

    Notes
    -----
    A linear program in d + 1 variables for each cell, solved by active sets from the cell's centroid.
    """
    from linregions.regions.boxes.kernels.balls import inscribe

    n_cells, d = cells.centroids.shape
    facets = FacetsOfCells.of(cells)
    most = int(np.diff(facets.offsets).max(initial=1))
    centers, radii, failed = np.empty((n_cells, d)), np.empty(n_cells), np.empty(n_cells, dtype=bool)
    inscribe(
        *facets,
        cells.facet_cells,
        normals,
        offsets,
        cells.centroids,
        np.empty((2 * d + 5, d + 1)),
        np.empty((most, d + 1)),
        np.empty(most),
        np.empty(d + 1, dtype=np.int32),
        centers,
        radii,
        failed,
    )
    if failed.any():
        raise NumericalError(
            f"`network` has {int(failed.sum())} cells too flat for their largest ball to be found in float64, but "
            f"inscribed balls are of all cells. Give a box without them: they are near "
            f"{cells.centroids[failed][0].tolist()}."
        )
    return radii, centers
