"""Flatten the graph of a network to the records that engines work on, and restrict the affine part to a domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.activations import IDENTITY
from linregions.networks.graph import INPUT, Graph, IndexArray, Step, apply_terms
from linregions.networks.kernels import site_records as sites
from linregions.networks.kernels.site_records import TILE_COLUMNS

# Kernels look at units by so many, and take their room from the biases.
_LEAST_WIDTH = 64


class Flat(NamedTuple):
    """Steps of a graph that switches depend on, as records.

    Step 0 is the first with breakpoints. Before some steps nothing switches: what they are on a domain is given, and
    none is made of terms.
    """

    steps: sites.Steps
    of: IndexArray  # (steps,) number in the graph, or INPUT where it is the input itself
    given: IndexArray  # those before which nothing switches, but for step 0: column ``shape[GIVEN]`` of what is given


def affine_steps(graph: Graph) -> list[bool]:
    """Tell for each step whether its pre-activation is affine in all of the input space."""
    found: list[bool] = []
    for step in graph.steps:
        sources = [term.source for term in step.terms if term.source != INPUT]
        found.append(all(found[k] and not graph.steps[k].activation.n_breakpoints for k in sources))
    return found


def _needed(graph: Graph, wanted: Sequence[int]) -> list[int]:
    """Return the steps that some steps depend on, these included, in order; INPUT among them where it is read."""
    is_affine = affine_steps(graph)
    needed, waiting = set[int](), list(wanted)
    while waiting:
        k = waiting.pop()
        if k in needed:
            continue
        needed.add(k)
        if k != INPUT and not is_affine[k]:
            waiting += [term.source for term in graph.steps[k].terms]
    return sorted(needed)


def graph_steps(graph: Graph, first_switch: Sequence[int], *, with_output: bool = False) -> Flat | None:
    """Flatten the steps of a graph that its switches depend on; None if nothing switches.

    Parameters
    ----------
    graph : Graph
    first_switch : sequence of int, shape (steps,)
        Number of the first switch of each step of the graph; breakpoint j of T of unit k has ``first + k T + j``, with
        the units in the step's layout.
    with_output : bool
        Whether the output is among the steps too.
    """
    switching = [k for k, step in enumerate(graph.steps) if step.activation.n_breakpoints]
    if not switching:
        return None
    needed = _needed(graph, [*switching, *([len(graph.steps) - 1] if with_output else [])])
    order = [switching[0], *(k for k in needed if k != switching[0])]
    is_affine, number = affine_steps(graph), {k: i for i, k in enumerate(order)}
    shape = np.zeros((10, len(order)), dtype=np.int64)
    for i, k in enumerate(order):
        layout = graph.input_layout if k == INPUT else graph.steps[k].layout
        shape[sites.WIDTH, i], shape[sites.SITES, i] = layout.n_units, layout.n_sites
        shape[sites.CHANNELS, i] = layout.n_channels
        if k != INPUT:
            shape[sites.N_BREAKPOINTS, i], shape[sites.FIRST_SWITCH, i] = (
                graph.steps[k].activation.n_breakpoints,
                first_switch[k],
            )
    shape[sites.PADDED] = -(-shape[sites.CHANNELS] // TILE_COLUMNS) * TILE_COLUMNS
    given = np.array([i for i, k in enumerate(order) if i and (k == INPUT or is_affine[k])], dtype=np.int64)
    shape[sites.GIVEN] = -1
    shape[sites.GIVEN, 0] = 0
    shape[sites.GIVEN, given] = np.cumsum([0, *shape[sites.WIDTH, given]])[:-1]
    _set_slots(graph, order, shape)
    made = _Terms()
    for i, k in enumerate(order):
        shape[sites.FIRST_TERM, i] = len(made.rows)
        if shape[sites.GIVEN, i] < 0:
            for term in graph.steps[k].terms:
                at = number[term.source]
                made.add(term.blocks, term.offsets, term.site, term.block, at, int(shape[sites.SLOT, at]))
        shape[sites.END_TERM, i] = len(made.rows)
    biases = np.zeros((len(order), max(_LEAST_WIDTH, int(shape[sites.WIDTH].max()))))
    for i, k in enumerate(order):
        if k != INPUT:
            biases[i, : shape[sites.WIDTH, i]] = graph.steps[k].bias
    steps = sites.Steps(shape, *made.arrays(), biases, _activations(graph, order), False)
    return Flat(steps, np.array(order, dtype=np.int64), given)


def _set_slots(graph: Graph, order: list[int], shape: IndexArray) -> None:
    """Choose where tensors are kept: in as few places as are in use at a time."""
    last = np.full(len(order), -1)
    for i, k in enumerate(order):
        if shape[sites.GIVEN, i] < 0:
            for term in graph.steps[k].terms:
                last[order.index(term.source)] = i
    until: list[int] = []
    for i in range(len(order)):
        shape[sites.SLOT, i] = -1
        if last[i] < 0:
            continue
        # A tensor is kept once its own step has read what it reads.
        free = [slot for slot, end in enumerate(until) if end <= i]
        slot = free[0] if free else len(until)
        until[slot : slot + 1] = [int(last[i])]
        shape[sites.SLOT, i] = slot


class _Terms:
    """Terms, taps and weights as they are gathered; blocks that several terms share stand there once."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, int]] = []
        self._offsets: list[IndexArray] = []
        self._taps: list[IndexArray] = []
        self._weights: list[FloatArray] = []
        self._norms: list[FloatArray] = []
        self._known: dict[int, tuple[int, int]] = {}
        self._n = {"offsets": 0, "taps": 0, "weights": 0, "norms": 0}

    def add(
        self, blocks: FloatArray, offsets: IndexArray, site: IndexArray, block: IndexArray, source: int, slot: int
    ) -> None:
        """Add a term that reads a step whose tensor is kept in a slot."""
        if id(blocks) not in self._known:
            n, n_in, n_out = blocks.shape
            padded = np.zeros((n, n_in, -(-n_out // TILE_COLUMNS) * TILE_COLUMNS))
            padded[:, :, :n_out] = blocks
            norms = np.einsum("bij,bij->bj", blocks, blocks)
            self._known[id(blocks)] = self._n["weights"], self._n["norms"]
            self._append("weights", self._weights, padded.ravel())
            self._append("norms", self._norms, norms.ravel())
        self.rows.append((source, slot, self._n["offsets"], *self._known[id(blocks)]))
        self._append("offsets", self._offsets, np.asarray(offsets, dtype=np.int64) + self._n["taps"])
        self._append("taps", self._taps, np.stack([site, block]).astype(np.int64))

    def _append(self, name: str, arrays: list[FloatArray] | list[IndexArray], array: FloatArray | IndexArray) -> None:
        arrays.append(array)  # type: ignore[arg-type]
        self._n[name] += array.shape[-1]

    def arrays(self) -> tuple[IndexArray, IndexArray, IndexArray, FloatArray, FloatArray]:
        """Return terms, offsets, taps, weights and norms."""
        return (
            np.array(self.rows, dtype=np.int64).reshape(-1, 5).T.copy(),
            np.concatenate([np.zeros(0, dtype=np.int64), *self._offsets]),
            np.concatenate([np.zeros((2, 0), dtype=np.int64), *self._taps], axis=1),
            np.concatenate([np.zeros(0), *self._weights]),
            np.concatenate([np.zeros(0), *self._norms]),
        )


def _activations(graph: Graph, order: list[int]) -> FloatArray:
    """Return the pieces of activations, by step; that of the input is the identity."""
    tables = [IDENTITY.table if k == INPUT else graph.steps[k].activation.table for k in order]
    found = np.zeros((4, len(order), max(table.slopes.size for table in tables)))
    for i, pieces in enumerate(tables):
        t = pieces.breakpoints.size
        found[sites.BREAKPOINT, i, :t] = pieces.breakpoints
        found[sites.SLOPE, i, : t + 1] = pieces.slopes
        found[sites.KNOT, i, : t + 1], found[sites.HEIGHT, i, : t + 1] = pieces.knots, pieces.heights
    return found


def affine_rows(graph: Graph, wanted: Sequence[int], points: FloatArray) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Restrict pre-activations that are affine in all of the input space.

    Parameters
    ----------
    graph : Graph
    wanted : sequence of int
        Steps before which nothing switches, or INPUT.
    points : ndarray of float64, shape (1 + d, n_in)
        A point, and directions, in the user's order of inputs.

    Returns
    -------
    dict of (ndarray of float64, ndarray of float64)
        For each of them, by unit of its layout, both of shape (1 + d, units): the value at the point and the change
        along each direction; and the sums of the absolute values of all terms of these.
    """
    needed, waiting = set[int](), list(wanted)
    while waiting:
        k = waiting.pop()
        if k not in needed:
            needed.add(k)
            waiting += [] if k == INPUT else [term.source for term in graph.steps[k].terms]
    ordered = points[:, graph.input_layout.order]
    values: dict[int, FloatArray] = {INPUT: ordered}
    terms: dict[int, FloatArray] = {INPUT: np.abs(ordered)}
    found = {INPUT: (ordered, np.abs(ordered))}
    for k in sorted(needed - {INPUT}):
        step = graph.steps[k]
        rows = apply_terms(step, values, len(points))
        absolute = Step(tuple(term._replace(blocks=np.abs(term.blocks)) for term in step.terms), step.bias, step.layout)
        size = apply_terms(absolute, terms, len(points))
        rows[0] += step.bias
        size[0] += np.abs(step.bias)
        found[k] = rows, size
        if not step.activation.n_breakpoints:  # what comes after a step that switches is not affine
            slope, (knot,), (height,) = step.activation.slopes[0], *step.activation.knots
            values[k], terms[k] = slope * rows, abs(slope) * size
            values[k][0] = slope * (rows[0] - knot) + height
            terms[k][0] += abs(slope * knot) + abs(height)
    return {k: found[k] for k in wanted}
