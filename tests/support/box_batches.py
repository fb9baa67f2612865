"""Checks of what the engine of boxes hands to sinks, batch by batch, against the exact twin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from linregions.networks.switches import unpack_patterns
from linregions.regions.boxes.batch import CellBatch
from tests.reference.exact_boxes import ExactBoxes, Face, members
from tests.support.box_checks import corner_table

Key = tuple[int, int]


class FoundCell(NamedTuple):
    """A cell of a batch, copied."""

    pattern: tuple[int, ...]
    key: Key
    corners: list[Key]
    points: Any  # from the centre of the box
    tight: list[bool]
    facets: dict[tuple[int, int], frozenset[Key]]  # label and sign of each slot: its corners


def found_cells(network: Any, batches: Iterable[CellBatch]) -> list[FoundCell]:
    """Return the cells of some batches."""
    cells = []
    for batch in batches:
        patterns = unpack_patterns(network, batch.pattern_words)
        for c in range(batch.n_cells):
            rows = slice(*batch.cell_offsets[c : c + 2])
            labels = slice(*batch.slot_offsets[c : c + 2])
            corners = [(int(a), int(b)) for a, b in batch.vertex_keys[rows]]
            slots = [int(word) for word in batch.slots[rows]]
            facets = {}
            for s, (label, sign) in enumerate(zip(batch.slot_labels[labels], batch.slot_signs[labels], strict=True)):
                on = frozenset(key for key, word in zip(corners, slots, strict=True) if word >> s & 1)
                if on:
                    assert (int(label), int(sign)) not in facets
                    facets[int(label), int(sign)] = on
            n_labels = labels.stop - labels.start
            assert all(word >> n_labels == 0 for word in slots)
            cells.append(
                FoundCell(
                    tuple(patterns[c].tolist()),
                    (int(batch.cell_keys[c, 0]), int(batch.cell_keys[c, 1])),
                    corners,
                    batch.points[rows].copy(),
                    [bool(x) for x in batch.tight[rows]],
                    facets,
                )
            )
    return cells


def check_batches(cells: list[FoundCell], exact: ExactBoxes) -> None:
    """Check cells, their vertices by key, and their facets."""
    number = {pattern: k for k, pattern in enumerate(exact.patterns)}
    assert len(cells) == len(number), f"{len(cells)} cells, exactly {len(number)}"
    match = [number[cell.pattern] for cell in cells]
    assert sorted(match) == list(range(len(number)))
    assert len({cell.key for cell in cells}) == len(cells)
    keys: dict[Key, int] = {}
    for cell in cells:
        assert len(set(cell.corners)) == len(cell.corners), "a vertex twice in a cell"
        for key in cell.corners:
            keys.setdefault(key, len(keys))
    assert len(keys) == len(exact.corners), f"{len(keys)} vertices, exactly {len(exact.corners)}"
    assert corner_table([[keys[key] for key in cell.corners] for cell in cells], match) == corner_table(
        [members(body) for body in exact.bodies], range(len(exact.bodies))
    )
    sides = {facet.face: facet.side for facet in exact.facets}
    switch = {(s.neuron, s.breakpoint): k for k, s in enumerate(exact.switches)}
    inner = {facet.face: facet for facet in exact.facets}
    for cell, body in zip(cells, match, strict=True):
        want = set()
        for face in exact.below(exact.bodies[body]):
            facet = inner[face]
            size = len(members(face))
            if sides[face] >= 0:
                want.add((-1 - facet.side, size))
            else:
                want.add((switch[facet.neurons[0], facet.breakpoint], size))
        got = {(label, len(on)) for (label, _), on in cell.facets.items()}
        assert len(got) == len(cell.facets)
        if got != want:  # any switch that vanishes on a facet may name its slot
            assert sorted(n for _, n in got) == sorted(n for _, n in want), "facets of a cell"
        for (label, sign), _ in cell.facets.items():
            if label >= 0:
                neuron, level = exact.switches[label]
                assert (cell.pattern[neuron] > level) == (sign > 0)
    # The same facet has the same corners, seen from both of its cells.
    around: dict[frozenset[Key], list[int]] = {}
    for cell, body in zip(cells, match, strict=True):
        for on in cell.facets.values():
            around.setdefault(on, []).append(body)
    assert sorted(sorted(bodies) for bodies in around.values()) == sorted(
        sorted(k for k in facet.cells if k >= 0) for facet in exact.facets
    )
    n_zeros = _zeros(exact)
    loose = sum(n > exact.dimension for n in n_zeros)
    found = {key for cell in cells for key, tight in zip(cell.corners, cell.tight, strict=True) if tight}
    assert len(found) == loose, f"{len(found)} vertices are called degenerate, {loose} are"


def _zeros(exact: ExactBoxes) -> list[int]:
    """Return how many switches and sides vanish at each vertex."""
    return [
        sum(sign == 0 for sign in signs) + sum(side >> k & 1 for side in exact.side_faces)
        for k, signs in enumerate(exact.signs)
    ]


def face_key(exact: ExactBoxes, face: Face) -> tuple[int, ...]:
    """Return what names a face: the signs of switches, and on which sides it lies."""
    return (*exact.ternary(face), *(int(face & side == face) for side in exact.side_faces))
