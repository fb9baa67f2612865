"""Planes through a box: their own partition, and which region of the box each of its polygons belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.domains.solids import cut_polygon, without_double_corners
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.regions.boxes.facet_planes import side_planes
from linregions.regions.planes.partition import PlanePartition

Partition = Any  # a BoxPartition, which has what is here as methods


@dataclass(frozen=True, eq=False, repr=False)
class BoxSection:
    """A plane's section through the regions of a box.

    Parameters
    ----------
    plane : PlanePartition
        The part of the window that is in the domain, cut into its regions.
    regions : ndarray of int64, shape (plane.n_regions,)
        The region of the box that each lies in.
    """

    plane: PlanePartition
    regions: npt.NDArray[np.int64]

    def __repr__(self) -> str:
        return f"BoxSection({self.plane.n_regions} regions of {np.unique(self.regions).size})"


def section_of(part: Partition, window: PlaneWindow, who: str) -> BoxSection:
    """Return the section by the part of a window that is in the domain."""
    from linregions.regions.planes.find import partition_plane

    if not isinstance(window, PlaneWindow):
        raise InvalidTypeError(
            f"`window` is {type(window).__name__}, but {who} needs a PlaneWindow. Make one, e.g. with "
            "`PlaneWindow.through`."
        )
    if window.n_in != part.n_in:
        raise InvalidValueError(
            f"`window` lies in {window.n_in} dimensions, but {who} needs the partition's {part.n_in}. Give a window of "
            "that space."
        )
    polygon = window.polygon
    for row in side_planes(part.domain):
        normal, room = window.basis @ row[:-1], float(row[-1] - row[:-1] @ window.origin)
        if (polygon @ normal > room).any():
            polygon = cut_polygon(polygon, normal, room)
    if polygon.shape[0] >= 3:
        polygon = without_double_corners(polygon)
    if polygon.shape[0] < 3:
        raise InvalidValueError(
            f"`window` does not meet the domain, but {who} needs one that does. Move it, or make it larger."
        )
    inside = PlaneWindow(window.origin, window.basis, polygon, names=window.names)
    plane = partition_plane(part.network, inside)
    middles = np.array([region.polygon.mean(axis=0) for region in plane])
    return BoxSection(plane, part.locate(inside.point(middles)))
