"""One thread's buffers: they grow, keep to a limit, tell their bytes, and are left to the next call or let go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linregions._support.limits import Exceeded
from linregions.regions.planes.engine import buffers
from linregions.regions.planes.engine.buffers import n_bytes
from linregions.regions.planes.engine.first_layer import grow, room_for
from linregions.regions.planes.engine.knobs import USUAL, Knobs
from linregions.regions.planes.engine.outputs import for_patterns, larger_output, make_output
from linregions.regions.planes.kernels import records
from linregions.regions.planes.kernels.workspace import CLOSEST, RELATIVE, STAMPS, Capacities, Workspace, make_workspace

# Words of a face at first: few switches cross a cell.
_FACE_WORDS = 4


class Workbench:
    """Buffers of one thread, for cells of one window after the other, and for their parts.

    There are at most `n_cells` cells in a batch, which carries patterns if they are wanted. With `keeps`, buffers are
    those that an earlier call has left, if there are any; `room` is the vertices and columns that there is room for at
    first, if it is known how many there will be. Raises Exceeded if the limit is too small even for these.
    """

    def __init__(
        self,
        plan: records.Plan,
        n_switches: int,
        n_cells: int,
        *,
        patterns: bool = False,
        limit: int | None = None,
        keeps: bool = False,
        room: Sequence[int] = (0, 0),
        knobs: Knobs = USUAL,
    ) -> None:
        self.plan, self.limit, self.patterns = plan, limit, patterns
        self.n_words = (n_switches + 63) // 64
        # Parts of a cell are told apart by their patterns.
        words = min(self.n_words, _FACE_WORDS) if patterns or plan.most_faces < records.NEVER else 0
        first = knobs.room if limit is None else knobs.little_room
        if limit is None:
            vertices, columns = max(first.vertices, room[0]), max(first.columns, -(-room[1] // 8) * 8)
            first = first._replace(vertices=vertices, columns=columns)
        self.output_size = max(first.output, 2 * room[0] if limit is None else 0)
        self.parts_bytes = 0  # of cells that are in parts
        # What one run never writes, another of this key does not either, so that all runs see the same.
        self._key = ("worker", plan.shape.tobytes(), n_switches)
        kept = buffers.take(self._key) if keeps else None
        self.ws: Workspace
        self.scratch: records.Scratch
        self.outs: list[records.Output]
        if kept is not None:
            ws, self.scratch, outs = kept
            self.ws = _with_words(ws, words)
            self.outs = [for_patterns(out, patterns) for out in outs]
            self.outs[0] = self.outs[0]._replace(cell_size=np.zeros((n_cells, 5), dtype=np.int64))
        else:
            self.ws = make_workspace(
                Capacities(
                    vertices=first.vertices,
                    edges=2 * first.vertices,
                    faces=first.vertices,
                    columns=first.columns,
                    pool=first.pool,
                    words=words,
                )
            )
            vertices, columns = _scratch_room(*self.ws.phi.shape)
            self.scratch = records.make_scratch(
                plan,
                records.no_root(),
                vertices=vertices,
                columns=columns,
                switches=n_switches,
                words=self.n_words,
            )
            self.outs = [self._new_output(n_cells)]
        self.ws.margin[RELATIVE] = plan.relative
        self.check(0)

    def _new_output(self, n_cells: int) -> records.Output:
        return make_output(size=self.output_size, n_words=self.n_words, n_cells=n_cells, patterns=self.patterns)

    @property
    def n_bytes(self) -> int:
        """Bytes that the buffers take."""
        outs = sum(n_bytes(out) for out in self.outs)
        return n_bytes(self.ws) + n_bytes(self.scratch) + outs + self.parts_bytes

    def check(self, more: int) -> None:
        """Raise if so many bytes more would be too many."""
        if self.limit is None:
            return
        wanted = self.n_bytes + more
        if wanted > self.limit:
            raise Exceeded(2 * wanted)  # buffers grow by doubling

    def clear(self) -> None:
        """Forget what was noted of decisions."""
        self.ws.counts[:STAMPS] = 0
        self.ws.margin[CLOSEST] = np.inf

    def make_room(self) -> None:
        """Give the workspace the room that it needs; what is in it is forgotten. Nobody else may hold the scratch."""
        self.check(n_bytes(self.ws) // 2)
        room = room_for(self.ws, sparing=self.limit is not None)
        resizing = records.Resizing(self.plan, self.scratch, *_scratch_room(room.vertices, room.columns))
        del self.scratch
        grow(self, room)
        self.scratch = resizing.done()
        self.check(0)

    def enlarge(self, depth: int, wanted: int | None = None) -> None:
        """Give an output more room: for what is in the workspace, or for as many vertices, edges, faces and sides."""
        ws, out = self.ws, self.outs[depth]
        if wanted is None:
            n_v, n_e, n_f, now = ws.size
            wanted = int(max(n_v, n_e // 2 + 1, n_f, ws.f_off[now, n_f] // 4 + 1))
        self.check(2 * n_bytes(out))
        self.outs[depth] = larger_output(out, 2 * out.xy.shape[0] + 2 * wanted)

    def empty_output(self, depth: int, n_cells: int) -> None:
        """See to it that there is an empty output of some depth, for so many cells."""
        if len(self.outs) == depth:
            self.outs.append(self._new_output(n_cells))
        out = self.outs[depth]
        out.filled[:] = 0
        if out.cell_size.shape[0] < n_cells:
            self.outs[depth] = out._replace(cell_size=np.zeros((n_cells, 5), dtype=np.int64))

    def keep(self) -> None:
        """Leave the buffers to the next call; no batch is used any longer."""
        buffers.keep(self._key, (self.ws, self.scratch, self.outs), self.n_bytes)


def _scratch_room(vertices: int, columns: int) -> tuple[int, int]:
    """Return how many vertices and basis functions a scratch has room for beside a workspace."""
    return vertices + 4, columns + 8


def _with_words(ws: Workspace, n_words: int) -> Workspace:
    """Return a workspace with room for words of faces, or without, which is a view of none."""
    words = ws.f_word if ws.f_word.base is None else ws.f_word.base
    if words.shape[2] < n_words:
        words = np.empty((2, words.shape[1], n_words), dtype=np.uint64)
    return ws._replace(f_word=words if n_words else words[:, :, :0])
