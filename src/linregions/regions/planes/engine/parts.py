"""A cell that later layers cut to many faces, split again: the root complex of its parts.

Cells are bounded by switches of the first layer. In deep networks hundreds of neurons of later layers are unstable in
one. So a cell that has many faces after some layer is grouped to parts, as the window was to cells, and each part
goes on alone from that layer. Where hundreds of neurons of one layer are unstable in a cell, as after a narrow layer,
it is split within that layer, when some of them have been inserted: few others cross a part.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.networks.switches import bytes_of_words
from linregions.regions.planes.engine.first_layer import grouped_complex
from linregions.regions.planes.engine.plan import EXPECTED_SWITCHES
from linregions.regions.planes.kernels import cells, records
from linregions.regions.planes.kernels import workspace as rows
from linregions.regions.planes.kernels.records import OWN
from linregions.regions.planes.kernels.workspace import Workspace


class Parts(NamedTuple):
    """The complex of a cell after some layers, grouped to parts."""

    root: records.Root
    face_part: npt.NDArray[np.int64]  # of each face
    root_vertex: npt.NDArray[np.int32]  # (V,) numbers that its vertices had in the root of the whole cell, -1 for none
    chain: npt.NDArray[np.int32]  # (2, K): edges that the cell shares with others, and the edges of this complex that
    # lie on them, in order

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return int(self.root.cell_off.shape[0] - 1)

    @property
    def n_bytes(self) -> int:
        """Bytes that the arrays take."""
        return sum(array.nbytes for array in (*self.root, self.face_part, self.root_vertex, self.chain))


def split_cell(ws: Workspace, scratch: records.Scratch, root: records.Root, cell: int, part_switches: int) -> Parts:
    """Take a cell out of the workspace, where `run_cells` left it, and group its faces."""
    n_v, n_e = int(ws.size[rows.N_VERTICES]), int(ws.size[rows.N_EDGES])
    begun, n_basis = int(ws.need[rows.N_BEGUN]), int(ws.need[rows.N_BASIS])
    unit = scratch.history[:begun].copy()
    chain = np.empty((2, n_e), dtype=np.int32)
    chain = chain[:, : cells.list_shared(ws, scratch, root, cell, chain)].copy()
    words, switches = _words_in_order(ws, scratch)
    made, face_part = grouped_complex(ws, words, part_switches)
    made = made._replace(
        f_switch=switches,
        base=scratch.base.copy(),
        line=np.where(ws.place[rows.SPREAD, :n_v] < 0.0, np.int32(records.NO_LINE), ws.parent[rows.LINE, :n_v]),
        phi=ws.phi[:n_v, :n_basis].copy(),
        unit=unit,
    )
    made.e_shared[chain[OWN]] = True
    return Parts(made, face_part, ws.parent[rows.IN_ROOT, :n_v].copy(), chain)


def _words_in_order(ws: Workspace, scratch: records.Scratch) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Return the words of a cell's faces with bits in the order of their switches, and these."""
    switches = scratch.local[records.CROSSING, 1 : 1 + int(scratch.local[records.CROSSING, 0])]
    n_words, order = (switches.size + 63) // 64, np.argsort(switches)
    words = ws.f_word[ws.size[rows.NOW], : ws.size[rows.N_FACES], :n_words].copy()
    if (order[1:] < order[:-1]).any():
        bits = np.unpackbits(bytes_of_words(words), axis=1, bitorder="little")
        bits[:, : order.size] = bits[:, order]
        words = np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64)
    return words, switches[order]


def part_switches_of(ws: Workspace, plan: records.Plan) -> int:
    """Return how many switches may cross a part of the cell that `run_cells` left in the workspace."""
    n_left = int(ws.need[rows.N_LEFT])
    if not n_left:
        return plan.part_switches
    # Within a layer: as large a part of its other switches will cross a part as of the lines that make so many faces.
    return max(1, min(math.isqrt(2 * int(ws.size[rows.N_FACES])) * EXPECTED_SWITCHES // n_left, plan.crowded_faces))
