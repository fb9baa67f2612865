"""Vertices within straight sides, which a network with maxima leaves where a comparison that lost met an edge."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.regions.planes.kernels.records import N_CHAINS, OWN, SHARED
from linregions.regions.planes.kernels.workspace import SWITCH, V
from linregions.regions.planes.sink import IndexArray, RegionBatch

Flags = npt.NDArray[np.bool_]


class Straight(NamedTuple):
    """What a batch has of them: of each region its sides, without those that a straight vertex begins."""

    sides: IndexArray  # (F,) if no vertex between two cells is straight
    n_vertices: int  # straight ones within cells
    within: Flags  # (V,) which these are
    piece: list[int]  # of the first layer's lines between two cells
    regions: list[IndexArray]  # for the vertices within each piece, in order: the region of the batch with a straight
    # corner there, -1 where it is none in this cell
    corners: list[FloatArray]  # and the vertices


def straight_vertices(batch: RegionBatch) -> Straight:
    """Find the vertices of a batch at which no edges but two of one line end.

    The window's corners are none. Lines that bound cells bound regions, so that vertices where these meet are none
    either, unless there is a single cell, which such lines do not bound.
    """
    single = batch.chain.shape[1] == 0
    ends = batch.edge[:SWITCH]
    of_two = np.bincount(ends.ravel(), minlength=len(batch.vertices)) == 2
    root = batch.root_vertex
    of_two &= (root < 0) | (root >= len(batch.window.polygon)) & single
    shared = np.zeros(len(batch.vertices), dtype=np.bool_)
    shared[ends[:, batch.chain[OWN]]] = True
    within = of_two & ~shared
    starts, sides = batch.face_offsets[:-1].astype(np.int64), np.diff(batch.face_offsets).astype(np.int64)
    sides -= np.add.reduceat(within[batch.side[V]].astype(np.int64), starts)
    between = of_two & shared
    region_at = np.full(len(batch.vertices), -1, dtype=np.int64)
    some = np.flatnonzero(between[batch.side[V]])
    region_at[batch.side[V, some]] = np.searchsorted(starts, some, "right") - 1  # the only one of this cell
    made = Straight(sides, int(within.sum()), within, [], [], [])
    stops = np.cumsum(batch.cell_sizes[:, N_CHAINS])
    breaks = np.flatnonzero(np.diff(batch.chain[SHARED])) + 1
    bounds = np.unique(np.concatenate([[0], stops, breaks])).tolist()
    for begin, end in pairwise(bounds):
        if end - begin > 1:
            edges = ends[:, batch.chain[OWN, begin:end]]
            before, after = edges[:, :-1], edges[:, 1:]
            first = (before[0] == after[0]) | (before[0] == after[1])
            vertices = np.where(first, before[0], before[1]).astype(np.int64)
            made.piece.append(int(batch.chain[SHARED, begin]))
            made.regions.append(region_at[vertices])
            made.corners.append(batch.vertices[vertices])
    return made


@dataclass
class StraightSides:
    """Counts of sides of all regions, and of straight vertices, of batches in order.

    A vertex between two cells is straight if it is so in both; what one cell says is kept until the other one comes.
    """

    sides: IndexArray  # (most + 1,): regions by sides, the last for all with more
    n_vertices: int = 0
    n_regions: int = 0
    vertices: dict[int, list[FloatArray]] = field(default_factory=dict)  # of regions, between cells
    _waiting: dict[int, tuple[IndexArray, FloatArray]] = field(default_factory=dict)
    _open: dict[int, list[int]] = field(default_factory=dict)  # sides of a region, and vertices waited for

    def add(self, found: Straight) -> None:
        """Add a batch."""
        first, self.n_regions = self.n_regions, self.n_regions + found.sides.size
        self.n_vertices += found.n_vertices
        waits = np.zeros(found.sides.size, dtype=np.int64)
        for regions in found.regions:
            np.add.at(waits, regions[regions >= 0], 1)
        self._count(found.sides[waits == 0])
        for region in np.flatnonzero(waits).tolist():
            self._open[first + region] = [int(found.sides[region]), int(waits[region])]
        for piece, regions, corners in zip(found.piece, found.regions, found.corners, strict=True):
            own = np.where(regions >= 0, regions + first, -1)
            there = self._waiting.pop(piece, None)
            if there is None:
                self._waiting[piece] = own, corners
                continue
            # Cells that cut a border otherwise contradict one another, and all is begun anew.
            fits = own.shape == there[0].shape
            both = (own >= 0) & (there[0] >= 0) if fits else np.zeros(own.shape, dtype=np.bool_)
            self.n_vertices += int(both.sum())
            for side, its_corners in ((own, corners), there):  # to either cell a vertex is where that one found it
                for k in np.flatnonzero(side >= 0).tolist():
                    straight = fits and bool(both[k])
                    if straight:
                        self.vertices.setdefault(int(side[k]), []).append(its_corners[k])
                    self._settle(int(side[k]), straight)

    def _settle(self, region: int, straight: bool) -> None:
        known = self._open[region]
        known[0] -= straight
        known[1] -= 1
        if known[1] == 0:
            self._count(np.array([known[0]]))
            del self._open[region]

    def _count(self, sides: IndexArray) -> None:
        most = self.sides.size - 1
        self.sides += np.bincount(np.minimum(sides, most), minlength=most + 1)

    def without_straight(self, region: int, corners: FloatArray) -> FloatArray:
        """Return corners of a region without those that are straight between two cells."""
        for vertex in self.vertices.get(region, ()):
            corners = corners[(corners != vertex).any(axis=1)]
        return corners
