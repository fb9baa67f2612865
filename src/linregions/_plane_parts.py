"""A cell that later layers cut to many faces, split again: the root complex of its parts.

Cells are bounded by switches of the first layer. In deep networks hundreds of neurons of later layers are unstable in
one. So a cell that has many faces after some layer is grouped to parts, as the window was to cells, and each part
goes on alone from that layer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._plane_root import grouped, mark_shared
from linregions.kernels import cells
from linregions.kernels import plan as records
from linregions.kernels.workspace import RADIUS, ROUNDING, SPREAD, SWITCH, Workspace


class Parts(NamedTuple):
    """The complex of a cell after some layers, grouped to parts.

    Parameters
    ----------
    root : linregions.kernels.plan.Root
    root_vertex : ndarray of int32, shape (V,)
        Numbers that its vertices had in the root of the whole cell, -1 for none.
    chain : ndarray of int32, shape (2, K)
        Edges that the cell shares with others, and the edges of this complex that lie on them, in order.
    """

    root: records.Root
    root_vertex: npt.NDArray[np.int32]
    chain: npt.NDArray[np.int32]

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return int(self.root.cell_off.shape[0] - 1)

    @property
    def n_bytes(self) -> int:
        """Bytes that the arrays take."""
        return sum(array.nbytes for array in (*self.root, self.root_vertex, self.chain))


def split_cell(
    ws: Workspace, scratch: records.Scratch, root: records.Root, cell: int, n_switches: int, part_switches: int
) -> Parts:
    """Take a cell out of the workspace, where `run_cells` left it, and group its faces."""
    n_v, n_e, n_f, now = (int(k) for k in ws.size)
    done, n_basis = int(ws.need[0]), int(ws.need[1])
    chain = np.empty((2, n_e), dtype=np.int32)
    chain = chain[:, : cells.list_shared(ws, scratch, root, cell, chain)].copy()
    words = ws.f_word[now, :n_f] | scratch.base
    faces, offsets, face_part = grouped(words, n_switches, part_switches)
    f_off = ws.f_off[now, : n_f + 1].copy()
    made = records.Root(
        xy=ws.phi[:n_v, 1:3].copy(),
        radius=ws.place[RADIUS, :n_v].copy(),
        rounding=ws.place[ROUNDING, :n_v].copy(),
        edge=ws.edge[: SWITCH + 1, :n_e].copy(),
        e_shared=np.zeros(n_e, dtype=np.bool_),
        f_off=f_off,
        side=ws.side[now, :, : f_off[-1]].copy(),
        f_word=words,
        cell_off=offsets,
        cell_faces=faces,
        line=np.where(ws.place[SPREAD, :n_v] < 0.0, np.int32(-1), ws.parent[3, :n_v]),
        phi=ws.phi[:n_v, :n_basis].copy(),
        unit=scratch.history[:done].copy(),
    )
    mark_shared(made, face_part)
    made.e_shared[chain[1]] = True
    return Parts(made, ws.parent[2, :n_v].copy(), chain)
