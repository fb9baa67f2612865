"""Proofs of windows in general position by compiled code, with the theorem and the bounds of `docs/certified.md`.

Where two boundaries meet at each vertex, all that the theorem asks follows from incidence and from this: at each
vertex every other column has, strictly, the sign that a face about it claims. Floats with bounds tell that for nearly
all vertices; those that are left, and windows that are not of this kind, are for `exact.planes.proof`.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.bounds import U, norms_above
from linregions.exact.planes.cycles import check_patterns
from linregions.exact.planes.float_rows import FloatRows
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.proof import Proof, prove_vertices, side_forms
from linregions.exact.planes.proposal import Columns, Proposal, Refuted, unpacked
from linregions.exact.planes.trie import Level, levels
from linregions.networks.activations import RELU
from linregions.networks.graph import INPUT, Graph
from linregions.networks.network import Network
from linregions.regions.planes.kernels.proof_records import Hand, Layers, Pieces

IndexArray = npt.NDArray[np.int64]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

# Of a proposal's arrays.
_TYPES = [np.dtype(kind) for kind in ("i4", "i4", "i4", "i8", "i4", "i4", "u8")]
_ROOM = 256  # slots at first


class Usual(NamedTuple):
    """What incidence says of a window in general position."""

    label: IntArray  # (E,)
    lines: IntArray  # (V, 2)
    seen_from: IntArray  # (V,)


def usual_incidence(proposal: Proposal, columns: Columns) -> Usual | None:
    """Check incidence; return None where something is not as it should be, or not in general position."""
    from linregions.regions.planes.kernels.incidence import all_differ, check_corners, check_edges

    edges, faces, side, offsets, corners, along, words = proposal
    n_edges, n_faces = edges.shape[0], words.shape[0]
    if [array.dtype for array in proposal] != _TYPES or not all(array.flags.c_contiguous for array in proposal):
        return None
    if edges.shape != (n_edges, 2) or faces.shape != (n_edges, 2) or side.shape != (n_edges,) or not n_edges:
        return None
    if offsets.shape != (n_faces + 1,) or corners.shape != along.shape or words.shape[1] * 64 < columns.n_switches:
        return None
    n_vertices = int(edges.max()) + 1
    if n_vertices > corners.size or not words.shape[1]:
        return None
    check_patterns(words, columns)
    label = np.empty(n_edges, dtype=np.int32)
    if not check_edges(
        edges, faces, side, words, n_vertices, columns.n - columns.first_side, columns.first_side, label
    ):
        return None
    lines, n_corners = np.full((n_vertices, 2), -1, dtype=np.int32), np.zeros(n_vertices, dtype=np.int32)
    seen_from = np.full(n_vertices, -1, dtype=np.int32)
    if not check_corners(edges, faces, offsets, corners, along, label, columns.first_side, lines, seen_from, n_corners):
        return None
    table = np.full(1 << (2 * n_faces - 1).bit_length(), -1, dtype=np.int32)
    return Usual(label, lines, seen_from) if all_differ(words, table) else None


_known: WeakKeyDictionary[Graph, Layers | None] = WeakKeyDictionary()


def layers_of(network: Network, rows: FloatRows, n_words: int) -> Layers | None:
    """Return the layers of a chain; None if some of them do not switch. They are kept as long as the network."""
    if network.graph not in _known:
        _known[network.graph] = _layers_of(network, rows, n_words)
    return _known[network.graph]


def _layers_of(network: Network, rows: FloatRows, n_words: int) -> Layers | None:
    graph, layout = network.graph, network.numbering.layout
    if not layout or any(not layer.n_breakpoints for layer in layout):
        return None
    for k, step in enumerate(graph.steps[: len(layout)]):
        if len(step.terms) != 1 or step.terms[0].source != (k - 1 if k else INPUT):
            return None
        if rows.matrix(k) is None:
            return None
    tables = [graph.steps[k].activation for k in range(len(layout))]
    size = np.array([layer.n_units for layer in layout])
    n_points = np.array([layer.n_breakpoints for layer in layout])
    matrices = [
        np.zeros(0),
        *(np.ravel(matrix) for k in range(1, len(layout)) if (matrix := rows.matrix(k)) is not None),
    ]
    norm = [rows.norms(k) for k in range(len(layout))]
    slopes = [np.array(table.slopes, dtype=np.float64) for table in tables]
    mask = np.zeros((len(layout), 64 * n_words), dtype=np.uint8)
    for k, layer in enumerate(layout):
        mask[k, layer.own] = 1
    return Layers(
        first=_offsets(size * n_points),
        size=size,
        points=_offsets(n_points),
        unit=_offsets(size),
        matrix=_offsets(np.array([matrix.size for matrix in matrices])),
        layer_of=np.repeat(np.arange(len(layout), dtype=np.int32), size * n_points),
        point=np.concatenate([np.array(table.breakpoints, dtype=np.float64) for table in tables]),
        jump=np.concatenate([np.diff(slope) for slope in slopes]),
        slope=np.concatenate(slopes),
        is_rectifier=np.array([table == RELU for table in tables]),
        weight=np.concatenate(matrices),
        norm=np.concatenate(norm),
        norms=np.array([float(norms_above(own)) for own in norm]),
        bias=np.concatenate([np.abs(step.bias) for step in graph.steps[: len(layout)]]),
        mask=np.packbits(mask, axis=1, bitorder="little").view("<u8").astype(np.uint64),
        sides=np.zeros((0, 3)),
    )


def _offsets(sizes: npt.NDArray[np.integer]) -> IndexArray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def pieces_of(proposal: Proposal, usual: Usual, layers: Layers, about: FloatArray) -> Pieces:
    """Put faces to cells."""
    from linregions.regions.planes.kernels.proof_cells import find_boxes, find_cells, find_leaves

    faces, words = proposal.edge_faces, proposal.words
    n_layers, n_faces, n_vertices = layers.size.size, words.shape[0], usual.lines.shape[0]
    leaf, first = np.empty(n_faces, dtype=np.int32), layers.first
    n_leaves = find_leaves(faces, usual.label, int(first[-2]), int(first[-1]), np.arange(n_faces, dtype=np.int32), leaf)
    cell = np.empty((n_layers, n_leaves), dtype=np.int32)
    crossing = np.empty((2 * int(np.count_nonzero(usual.label < first[-2])), 3), dtype=np.int32)
    crossing_off, vertex_off = np.zeros((2, n_leaves + 1), dtype=np.int64)
    find_cells(
        faces, usual.label, first, layers.layer_of, leaf, np.arange(n_leaves, dtype=np.int32), cell, crossing,
        crossing_off,
    )  # fmt: skip
    vertex, box = np.empty((n_vertices, 4), dtype=np.int32), np.empty((n_layers, n_leaves, 4))
    find_boxes(leaf, usual.seen_from, usual.lines, about, cell, vertex, vertex_off, box)
    return Pieces(words, about, leaf, cell, crossing, crossing_off, vertex, vertex_off, box)


def hand_of(layers: Layers, pieces: Pieces, room: int) -> Hand:
    """Return what a walk needs, with some slots for each layer."""
    n_layers, n_words, n_leaves = layers.size.size, pieces.words.shape[1], pieces.vertex_off.size - 1
    n_slots = np.array([1, *[room] * (n_layers - 1)])
    base = _offsets(n_slots * (3 * layers.size + 8))
    widest = int(np.diff(layers.first).max())
    free = np.tile(np.arange(room, 0, -1, dtype=np.int32) - 1, (n_layers + 1, 1))
    n_free = np.array([*(n_slots - 1), room - 1])
    free[0, 0] = 0
    n_vertices = pieces.vertex.shape[0]
    return Hand(
        pool=np.empty(int(base[-1])),
        base=base,
        n_slots=n_slots,
        free=free,
        n_free=n_free,
        uses=np.zeros((n_layers + 1, room), dtype=np.int32),
        slot=np.zeros((room, n_layers), dtype=np.int32),
        queue=np.empty((n_layers, pieces.crossing.shape[0] // 2, 4), dtype=np.int32),
        ends=np.zeros((n_layers, 2), dtype=np.int64),
        reached=np.zeros(n_leaves, dtype=np.bool_),
        current=np.full(n_layers, -1, dtype=np.int32),
        word=np.zeros(n_words, dtype=np.uint64),
        sign=np.full(64 * n_words, -1.0),
        known=np.zeros((n_layers + 1, 2, n_words), dtype=np.uint64),
        listed=np.zeros((n_layers, n_layers + 1, widest + 1), dtype=np.uint32),
        n_listed=np.zeros((n_layers, n_layers + 1), dtype=np.int64),
        margin=np.zeros(3 * widest),
        part=np.zeros((3, 4)),
        place=np.full((n_vertices, 4), np.nan),
        open=np.empty(max(64, n_vertices // 16), dtype=np.int32),
    )


def put_root(layers: Layers, hand: Hand, found: list[Level]) -> None:
    """Write the forms of one face into state 0."""
    for m, level in enumerate(found):
        n, sums = int(layers.size[m]), level.sums
        own = hand.pool[hand.base[m] : hand.base[m] + 3 * n + 8]
        own[: 3 * n] = sums.values[0].ravel()
        own[3 * n :] = [*sums.share[0], *sums.norm[0], 8.0, 0.0]
        hand.uses[m, 0] = 1
    hand.uses[-1, 0] = 1


def proved_quickly(network: Network, frame: Frame, proposal: Proposal, about: FloatArray) -> Proof | None:
    """Prove a proposal, if floats can, but for few vertices, and it is in general position; return None if not.

    `about` is where vertices are in the coordinates of the frame, more or less.

    If None is returned it may be wrong, or right, or not in general position.
    """
    try:
        with np.errstate(all="ignore"):
            return _proof(network, frame, proposal, about)
    except Refuted:
        return None


def _proof(network: Network, frame: Frame, proposal: Proposal, about: FloatArray) -> Proof | None:
    columns = Columns(network, len(frame.sides))
    if columns.has_maxima or not columns.is_plain.all() or not network.is_chain:
        return None
    rows = FloatRows(network.graph, columns.layout, frame.float_rows())
    layers = layers_of(network, rows, proposal.words.shape[1])
    usual = None if layers is None else usual_incidence(proposal, columns)
    if layers is None or usual is None or about.shape != usual.lines.shape or not np.isfinite(about).all():
        return None
    layers = layers._replace(sides=side_forms(frame))
    walked = _walked(rows, proposal, columns, layers, pieces_of(proposal, usual, layers, about))
    if walked is None or not _is_counter_clockwise(walked.place):
        return None
    n_exact = prove_vertices(network, frame, proposal, columns, usual.seen_from, usual.lines, walked.open)
    if n_exact < 0:
        return None
    return Proof(proposal.words.shape[0], usual.lines.shape[0] * columns.n, n_exact)


class _Walked(NamedTuple):
    open: IndexArray  # vertices that are left
    place: FloatArray  # (3, 4) of the first three corners


def _walked(rows: FloatRows, proposal: Proposal, columns: Columns, layers: Layers, pieces: Pieces) -> _Walked | None:
    """Walk through a window; return None if not all of it is reached, or something is wrong."""
    from linregions.regions.planes.kernels.proof_walk import DONE, NO_ROOM, walk

    room, words = _ROOM, proposal.words[:1]
    root = list(levels(rows, words, unpacked(words, columns.n_switches)))
    while True:
        hand = hand_of(layers, pieces, room)
        put_root(layers, hand, root)
        hand.reached[pieces.leaf[0]] = True
        code, n_open = walk(layers, pieces, hand, 0, 0)
        if code != NO_ROOM or room > pieces.vertex_off.size:
            break
        room *= 4
    # A vertex that was not looked at is no number.
    if code != DONE or not hand.reached.all() or np.isnan(hand.place[:, 0]).any():
        return None
    where = [int(np.flatnonzero(pieces.vertex[:, 0] == v)[0]) for v in proposal.face_vertices[:3]]
    return _Walked(hand.open[:n_open].astype(np.int64), hand.place[where])


def _is_counter_clockwise(places: FloatArray) -> bool:
    """Tell whether three places, off by at most their bounds, surely are."""
    (x0, y0, *_), (x1, y1, *_), (x2, y2, *_) = places.tolist()
    off = float(places[:, 2:].max())
    a, b, c, d = x1 - x0, y1 - y0, x2 - x0, y2 - y0
    off = 2.0 * off + 4 * U * float(np.abs(places[:, :2]).max())
    most = off * (abs(a) + abs(b) + abs(c) + abs(d) + 2.0 * off) + 4 * U * (abs(a * d) + abs(b * c))
    return bool(a * d - b * c > 1.000001 * most + 2.0**-900)
