"""Nodes of the first layer's tree as tasks: taken from one bench, put into another, in whatever process."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.errors import NumericalError
from linregions.regions.boxes.batch import FloatArray, IndexArray, IntArray, WordArray
from linregions.regions.boxes.engine.workbench import grown, make_bench, make_output, put_root
from linregions.regions.boxes.frame import BoxFrame
from linregions.regions.boxes.kernels import bench as B
from linregions.regions.boxes.kernels.bench import Bench, Plan
from linregions.regions.boxes.kernels.walk import walk

# Cells that a task is to have, if there are as many as in general position, and the most cuts from the whole box.
_CELLS_IN_TASK, _DEEPEST = 4096, 9
# Arrays of the bench with a row for each node, and with one for each vertex.
_OF_NODES = ("crossing", "earlier", "off", "label", "sign", "key", "pattern")
_OF_VERTICES = ("place", "error", "flags", "zeros_at")


class Node(NamedTuple):
    """A node that is to be worked: a row of each array of the bench, and its vertices."""

    entry: IndexArray
    crossing: WordArray
    earlier: WordArray
    off: WordArray
    label: IntArray
    sign: npt.NDArray[np.int8]
    key: WordArray
    pattern: WordArray
    next_rows: FloatArray
    slots: WordArray
    place: FloatArray
    error: FloatArray
    flags: npt.NDArray[np.uint8]
    zeros_at: IndexArray
    zero: IntArray
    word: WordArray  # (vertices, words)
    frame: IndexArray
    column: IntArray


def cut_to_nodes(plan: Plan, frame: BoxFrame, with_patterns: bool) -> tuple[list[Node], Bench]:
    """Cut a box by the first layer to nodes, in order; how many depends on the network alone.

    Returns the bench too, for what it has counted.
    """
    bench, out = make_bench(plan, frame.d, with_patterns), make_output(frame.d, 0, 1, 1, 1)
    bench = put_root(bench, frame)
    deepest = _depth(plan, frame.d)
    nodes: list[Node] = []
    while bench.counts[B.ENTRIES]:
        e = int(bench.counts[B.ENTRIES]) - 1
        entry = bench.entry[e]
        begun = entry[B.LAYER] >= 0 or plan.widths.size == 0
        if begun and (entry[B.CROSSED] < 0 or entry[B.DEPTH] >= deepest):
            nodes.append(_taken(plan, bench, e))
            bench.counts[B.ENTRIES] -= 1
            continue
        depth = int(entry[B.DEPTH])
        status = walk(plan, bench, out, False, 1)
        if status == B.GROW:
            bench = grown(bench)
        elif status != B.PAUSED:
            raise contradiction()
        elif bench.counts[B.ENTRIES] == e + 2:
            bench.entry[e : e + 2, B.DEPTH] = depth + 1
    return nodes, bench


def contradiction() -> NumericalError:
    """Return the error that signs do not fit to one another."""
    return NumericalError(
        "`network` has pre-activations whose signs contradict one another within rounding, but exact cells need "
        "consistent signs. Pass `tolerances=Tolerances(relative=...)` with another width, or move the box slightly."
    )


def _depth(plan: Plan, d: int) -> int:
    """Return how many cuts to make from the whole box."""
    cells = 1.0
    for k in range(d):
        cells *= max(1.0, float((plan.widths * plan.n_breakpoints).sum()) / (k + 1))
    return int(np.clip(np.log2(cells / _CELLS_IN_TASK), 0, _DEEPEST))


def _maps(plan: Plan) -> slice:
    """Return which columns of affine maps to later layers are begun in nodes of the first one."""
    return slice(int(plan.columns[1]), int(plan.reach[0])) if plan.widths.size else slice(0, 0)


def _taken(plan: Plan, bench: Bench, e: int) -> Node:
    entry = bench.entry[e].copy()
    vertex = bench.vertex[entry[B.OFFSET] : entry[B.OFFSET] + entry[B.COUNT]]
    layer = int(entry[B.LAYER])
    if layer >= 0:
        w = int(bench.frame[layer, B.WIDTH])
        first = bench.frame[layer, B.FIRST_WORD] + 2 * w * (vertex - bench.frame[layer, B.FIRST_VERTEX])
        word, frame = bench.word[first[:, None] + np.arange(2 * w)], bench.frame[layer].copy()
        column = bench.column[layer, : frame[B.COLUMNS]].copy()
    else:
        word, frame, column = np.zeros((vertex.size, 0), np.uint64), np.zeros(4, np.int64), np.zeros(0, np.int32)
    rows = {name: getattr(bench, name)[e].copy() for name in _OF_NODES}
    of_vertices = {name: getattr(bench, name)[vertex] for name in _OF_VERTICES}
    next_rows = bench.next_rows[e, :, _maps(plan)].copy()
    slots = bench.slots[entry[B.OFFSET] : entry[B.OFFSET] + entry[B.COUNT]].copy()
    zero = bench.zero[: entry[B.ZEROS]].copy()
    return Node(
        entry=entry,
        next_rows=next_rows,
        slots=slots,
        zero=zero,
        word=word,
        frame=frame,
        column=column,
        **rows,
        **of_vertices,
    )


def put_node(plan: Plan, bench: Bench, node: Node) -> Bench:
    """Make a node the only one of a bench, which is returned with room for it."""
    n, n_words, n_zeros = node.slots.size, node.word.size, node.zero.size
    while max(n, 1) > bench.error.size or n_words > bench.word.size or n_zeros > bench.zero.size:
        bench = grown(bench)
    entry = bench.entry[0]
    entry[:] = node.entry
    layer = int(entry[B.LAYER])
    entry[[B.OFFSET, B.POOL, B.WORDS, B.ZEROS]] = 0, n, n_words, n_zeros
    for name in _OF_NODES:
        getattr(bench, name)[0] = getattr(node, name)
    bench.next_rows[0, :, _maps(plan)] = node.next_rows
    for name in ("slots", *_OF_VERTICES):
        getattr(bench, name)[:n] = getattr(node, name)
    bench.vertex[:n] = np.arange(n)
    bench.zero[:n_zeros] = node.zero
    bench.word[:n_words] = node.word.ravel()
    if layer >= 0:
        bench.frame[layer] = node.frame[B.COLUMNS], node.frame[B.WIDTH], 0, 0
        bench.column[layer, : node.column.size] = node.column
        width = int(plan.widths[layer])
        bench.rows[layer, :, :width] = plan.rows[:, :width]
    bench.counts[:] = 0
    bench.counts[B.ENTRIES] = 1
    bench.counts[B.LISTS] = n_zeros
    bench.fit[0] = 0
    bench.margin[0] = np.inf
    return bench
