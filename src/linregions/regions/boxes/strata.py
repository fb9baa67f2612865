"""Strata of the complex that boundaries of one kind make."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.batch import FloatArray
from linregions.regions.boxes.flat import FacetsOfCells, batches_of, facet_planes
from linregions.regions.boxes.growing import Growing, Numbers
from linregions.regions.boxes.measuring import Measurer

# Planes are taken as different where the squared sines of their angles, summed up, exceed this.
_SAME_PLANE = 1e-12


def strata_of(cells: BoxCells, is_boundary: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the volume of each codimension of the complex that some facets make.

    A face of codimension k is one of that complex if it lies on k of these facets whose normals are independent. Where
    no more planes meet than k, it is so if all its neurons have such a facet there. Faces in sides of the domain do
    not count.

    Parameters
    ----------
    cells : BoxCells
    is_boundary : ndarray of bool, shape (F,)
        False on sides of the domain.

    Returns
    -------
    ndarray of float64, shape (d + 1,)
        Codimension 0 is the volume of all cells.
    """
    if np.array_equal(is_boundary, cells.facet_cells[:, 1] >= 0):
        return cells.strata_activation.copy()
    return strata_of_faces(cells, is_boundary)


def strata_of_faces(cells: BoxCells, is_boundary: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the same, by looking at every face of every cell."""
    from linregions.regions.boxes.kernels.strata import IS_ON_SIDE, mark_simple, note_faces

    d = cells.vertices.shape[1]
    strata = np.zeros(d + 1)
    strata[0] = cells.volumes.sum()
    strata[1] = cells.facet_volumes[is_boundary].sum()
    if d == 1 or not is_boundary.any():
        return strata
    facets, measurer, numbers = FacetsOfCells.of(cells), Measurer(d), Numbers()
    normals, _ = facet_planes(cells)
    known, volumes, products = Growing(np.int32, 4), Growing(np.float64), Growing(np.float64, d, d)
    for first, batch in batches_of(cells, facets):
        listed = measurer.list_faces(batch)
        number = numbers.of(listed.ties.names)
        for growing in (known, volumes, products):
            growing.reserve(len(numbers) - growing.rows)[growing.rows : len(numbers)] = 0
            growing.rows = len(numbers)
        note_faces(
            number,
            *listed.ties[1:],
            listed.words,
            listed.cells + first,
            *facets,
            cells.facet_neuron,
            is_boundary,
            normals,
            known.array,
            volumes.array,
            products.array,
        )
    of_face, volume = known.taken(), volumes.taken()
    is_simple, has_all = np.empty(len(of_face), dtype=bool), np.empty(len(of_face), dtype=bool)
    mark_simple(of_face, is_simple, has_all)
    codimension = of_face[:, 0]
    inside = of_face[:, IS_ON_SIDE] == 0
    many = np.flatnonzero(~is_simple & inside)
    sizes = np.linalg.eigvalsh(products.taken()[many])
    has_all[many] = (sizes > _SAME_PLANE * sizes[:, -1:]).sum(axis=1) >= codimension[many]
    counts = has_all & inside
    strata[2:] += np.bincount(codimension[counts], volume[counts], minlength=d + 1)[2:]
    return strata
