"""Cells of the exact twin of boxes as the engine hands them on, from the domain's own coordinates."""

from __future__ import annotations

import numpy as np

from linregions.networks.switches import pack_patterns, switch_tables
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.assembly import CellAssembler, piece_of
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.measuring import Measurer
from tests.reference.exact_boxes import ExactBoxes, Switch, members
from tests.support.box_batches import part_of


def exact_batch(exact: ExactBoxes, seed: int = 0) -> CellBatch:
    """Return all cells of a twin in one batch, with keys that are true to the signs of all switches and sides."""
    rng = np.random.default_rng(seed)
    n = len(exact.switches)
    positive, zero = rng.integers(0, 2**64, (2, n + len(exact.sides), 2), dtype=np.uint64)
    keys = np.zeros((len(exact.corners), 2), dtype=np.uint64)
    n_zeros = np.zeros(len(exact.corners), dtype=int)
    for k, signs in enumerate(exact.signs):
        on = [s for s, sign in enumerate(signs) if sign == 0]
        on += [n + s for s, face in enumerate(exact.side_faces) if face >> k & 1]
        n_zeros[k] = len(on)
        for s in on:
            keys[k] ^= zero[s]
        for s, sign in enumerate(signs):
            keys[k] ^= positive[s] if sign > 0 else np.uint64(0)
    slots_of: list[list[tuple[int, int, int]]] = [[] for _ in exact.cells]
    for facet in exact.facets:
        label = -1 - facet.side if facet.side >= 0 else exact.switches.index(Switch(facet.neurons[0], facet.breakpoint))
        slots_of[facet.cells[0]].append((facet.face, label, -1))
        if facet.cells[1] >= 0:
            slots_of[facet.cells[1]].append((facet.face, label, 1))
    rows: list[int] = []
    words: list[int] = []
    ends, slot_ends = [0], [0]
    labels: list[int] = []
    signs_of: list[int] = []
    for body, slots in zip(exact.bodies, slots_of, strict=True):
        for corner in rng.permutation(members(body)).tolist():
            rows.append(corner)
            words.append(sum(1 << s for s, (face, _, _) in enumerate(slots) if face >> corner & 1))
        ends.append(len(rows))
        labels += [label for _, label, _ in slots]
        signs_of += [sign for _, _, sign in slots]
        slot_ends.append(len(labels))
    points = np.array([[x / corner[-1] for x in corner[:-1]] for corner in exact.corners])
    return CellBatch(
        np.array(ends),
        points[rows],
        np.array(words, dtype=np.uint64),
        keys[rows],
        (n_zeros[rows] > np.bitwise_count(np.array(words, dtype=np.uint64))).astype(np.uint8),
        np.array(slot_ends),
        np.array(labels, dtype=np.int32),
        np.array(signs_of, dtype=np.int8),
        np.zeros((len(exact.cells), 2), dtype=np.uint64),
        pack_patterns(exact.network, np.array(exact.patterns, dtype=np.uint8).reshape(len(exact.cells), -1)),
    )


def exact_cells(exact: ExactBoxes, size: int = 7) -> BoxCells:
    """Return the cells of a twin, put together from batches of some cells."""
    batch, d = exact_batch(exact), exact.dimension
    assembler, measurer = CellAssembler(d), Measurer(d)
    for first in range(0, batch.n_cells, size):
        assembler.add(piece_of(part_of(batch, first, min(first + size, batch.n_cells)), measurer))
    return assembler.finish(np.zeros(d), switch_tables(exact.network))
