"""What the distances of all points of a graph share: flat steps, bounds that hold everywhere, random directions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from linregions._support.aligned import aligned_copy, aligned_zeros
from linregions._support.limits import exceeded
from linregions._support.validation import FloatArray
from linregions.networks.activations import IDENTITY
from linregions.networks.flatten import affine_rows, affine_steps
from linregions.networks.graph import INPUT, Graph, Layout, Step, Term
from linregions.networks.network import Network
from linregions.networks.numbering import Numbering
from linregions.regions.options import Options

if TYPE_CHECKING:
    from linregions.measures.distances.kernels.graph_rows import Taps
    from linregions.measures.distances.kernels.graph_search import Candidates

IndexArray = npt.NDArray[np.int64]

#: Random directions of the first look, and of the second one with these.
FIRST_DIRECTIONS, DIRECTIONS = 4, 12
#: With what chance the nearest neuron seems too far away in all of them, for one point.
CHANCE = 1e-12
#: Points whose values are found together.
POINTS = 16
_TILE = 16
_NORM_ROUNDS, _INPUTS_AT_ONCE = 20, 64
_GUARD = 1.0 + 1e-10


def chance_of(n_directions: int, factor: float) -> float:
    """Return with what chance n squares of normal numbers have a mean below ``1 / factor**2``; n is even."""
    half = n_directions / factor**2 / 2
    term, total = math.exp(-half + n_directions // 2 * math.log(half) - math.lgamma(n_directions // 2 + 1)), 0.0
    for j in range(n_directions // 2 + 1, n_directions // 2 + 200):
        total += term
        term *= half / j
    return total


def factor_for(n_directions: int, chance: float) -> float:
    """Return the factor at which `chance_of` is some chance."""
    low, high = 1.0, 1e6
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if chance_of(n_directions, middle) > chance else (low, middle)
    return high


@dataclass(frozen=True, eq=False)
class GraphPlan:
    """A graph made ready for distances."""

    taps: Taps
    candidates: Candidates
    compared: IndexArray  # (units,) row of a unit that compares, -1 for others
    given: tuple[FloatArray, ...]  # rows before the first switch along the directions of the first and second look
    input_order: IndexArray

    @cached_property
    def factor(self) -> float:
        """How many times as far as the nearest neuron one may seem without being passed over."""
        return factor_for(DIRECTIONS, CHANCE)

    @property
    def n_units(self) -> int:
        """Units of all tensors."""
        return int(self.taps.bias.size)

    @property
    def n_padded(self) -> int:
        """The same in whole tiles."""
        from linregions.measures.distances.kernels.graph_rows import PADDED, SITES

        return int((self.taps.shape[SITES] * self.taps.shape[PADDED]).sum())

    @property
    def n_candidates(self) -> int:
        """Number of candidates."""
        return int(self.candidates.neuron.size)

    @cached_property
    def room(self) -> tuple[int, int, int, int]:
        """Slots, numbers of a row of the largest tensor, most units of one and most sites."""
        from linregions.measures.distances.kernels import graph_rows as rows

        shape = self.taps.shape
        return (
            int(shape[rows.SLOT].max()) + 1,
            int((shape[rows.SITES] * shape[rows.PADDED]).max()),
            int((shape[rows.SITES] * shape[rows.CHANNELS]).max()),
            int(shape[rows.SITES].max()),
        )

    @cached_property
    def most_joined(self) -> int:
        """Most channels that the taps of one site of a term read."""
        from linregions.measures.distances.kernels.graph_rows import CHANNELS, FIRST_OFFSET, SOURCE

        counts = np.diff(self.taps.offset, append=0)
        most = 1
        for begin, end, source in zip(
            self.taps.term[FIRST_OFFSET],
            [*self.taps.term[FIRST_OFFSET, 1:], counts.size],
            self.taps.term[SOURCE],
            strict=True,
        ):
            channels = int(self.taps.shape[CHANNELS, source])
            most = max(most, channels * int(counts[begin : end - 1].max(initial=0)))
        return most

    @property
    def n_bytes(self) -> int:
        """Return what the plan takes itself."""
        return sum(array.nbytes for array in (*self.taps, *self.candidates[:-1], *self.given, self.compared))

    @property
    def worker_bytes(self) -> int:
        """Return what one thread takes."""
        slots, numbers, units, sites = self.room
        tables = (1 + slots) * numbers * max(POINTS, DIRECTIONS - FIRST_DIRECTIONS) + slots * (units + sites)
        return 8 * (
            tables
            + (3 * POINTS + 5) * self.n_units
            + 4 * self.n_padded
            + 5 * self.n_candidates
            + self.compared.size * 1
        )

    def workers(self, options: Options) -> int:
        """Return how many threads there may be."""
        if options.memory_limit is None:
            return options.threads
        held = self.n_bytes
        if options.memory_limit < held + self.worker_bytes:
            what = f"to take {POINTS} points after the other through {self.n_units} units"
            raise exceeded(options.memory_limit, options.who, held + self.worker_bytes, what)
        return max(1, min(options.threads, (options.memory_limit - held) // self.worker_bytes))


def make_graph_plan(network: Network) -> GraphPlan:
    """Return the plan of a network, which never changes."""
    from linregions.measures.distances.kernels.graph_rows import FIRST_BACK, FIRST_WEIGHT, Taps

    graph, numbering = network.graph, network.numbering
    steps = _needed(graph)
    number = {INPUT: 0} | {k: t for t, k in enumerate(steps, 1)}
    layouts = [graph.input_layout, *(graph.steps[k].layout for k in steps)]
    shape = _shape(graph, steps, layouts, number)
    is_affine = [True, *(affine_steps(graph)[k] for k in steps)]
    columns = shape[2] * shape[4]
    shape[10] = np.cumsum(columns) - columns
    shape[9] = np.where(is_affine, np.cumsum(np.where(is_affine, columns, 0)) - columns, -1)
    terms: list[tuple[int, int, int, int]] = []
    offsets: list[IndexArray] = []
    taps: list[IndexArray] = []
    weights: list[FloatArray] = []
    back: list[FloatArray] = []
    n = np.zeros(4, dtype=np.int64)
    known: dict[int, tuple[int, int]] = {}
    for t, k in enumerate(steps, 1):
        shape[6, t] = len(terms)
        for term in graph.steps[k].terms:
            if id(term.blocks) not in known:
                known[id(term.blocks)] = int(n[2]), int(n[3])
                blocks, n_in, n_out = term.blocks.shape
                padded = np.zeros((blocks, n_in, int(shape[4, t])))
                padded[:, :, :n_out] = term.blocks
                weights.append(padded.ravel())
                turned = np.zeros((blocks, n_out, int(shape[4, number[term.source]])))
                turned[:, :, :n_in] = term.blocks.transpose(0, 2, 1)
                back.append(turned.ravel())
                n[2:] += weights[-1].size, back[-1].size
            terms.append((number[term.source], int(n[0]), *known[id(term.blocks)]))
            offsets.append(term.offsets + n[1])
            taps.append(np.stack([term.site, term.block]))
            n[:2] += term.offsets.size, term.site.size
        shape[7, t] = len(terms)
    assert (FIRST_WEIGHT, FIRST_BACK) == (2, 3)
    forward = aligned_zeros((int(n[2]),))
    forward[:] = np.concatenate([np.zeros(0), *weights])
    sizes = aligned_zeros((int(n[2]),))
    np.abs(forward, out=sizes)
    activations = [IDENTITY, *(graph.steps[k].activation for k in steps)]
    most = max(len(each.slopes) for each in activations)
    pieces = np.zeros((4, len(layouts), most))
    for t, activation in enumerate(activations):
        table, m = activation.table, activation.n_breakpoints
        pieces[0, t, :m], pieces[1, t, : m + 1] = table.breakpoints, table.slopes
        pieces[2, t, : m + 1], pieces[3, t, : m + 1] = table.knots, table.heights
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(DIRECTIONS, graph.n_in))
    looks = directions[:FIRST_DIRECTIONS], directions[FIRST_DIRECTIONS:]
    affine = [k for k, fits in zip([INPUT, *steps], is_affine, strict=True) if fits]
    flat = Taps(
        shape,
        np.array(terms, dtype=np.int64).reshape(-1, 4).T.copy(),
        np.concatenate([np.zeros(0, dtype=np.int64), *offsets]),
        np.concatenate([np.zeros((2, 0), dtype=np.int64), *taps], axis=1),
        forward,
        sizes,
        aligned_copy(np.concatenate([np.zeros(0), *back])),
        np.concatenate([np.zeros(graph.n_in), *(graph.steps[k].bias for k in steps)]),
        pieces,
        _caps(graph, steps, affine),
    )
    candidates, compared = _candidates(numbering, number, shape, flat.bias.size)
    given = tuple(_given(graph, affine, look, shape) for look in looks)
    return GraphPlan(flat, candidates, compared, given, graph.input_layout.order)


def _needed(graph: Graph) -> list[int]:
    """Return the steps that anything that switches depends on, in order."""
    waiting = [k for k, step in enumerate(graph.steps) if step.activation.n_breakpoints]
    needed: set[int] = set()
    while waiting:
        k = waiting.pop()
        if k not in needed:
            needed.add(k)
            waiting += [term.source for term in graph.steps[k].terms if term.source != INPUT]
    return sorted(needed)


def _shape(graph: Graph, steps: list[int], layouts: list[Layout], number: dict[int, int]) -> IndexArray:
    """Return `Taps.shape` without terms and what is given."""
    shape = np.zeros((11, len(layouts)), dtype=np.int64)
    units, sites = ([0, *np.cumsum([getattr(each, name) for each in layouts])] for name in ("n_units", "n_sites"))
    shape[0], shape[1] = units[:-1], sites[:-1]
    shape[2], shape[3] = [each.n_sites for each in layouts], [each.n_channels for each in layouts]
    shape[4] = -(-shape[3] // _TILE) * _TILE
    shape[5, 1:] = [graph.steps[k].activation.n_breakpoints for k in steps]
    last = np.full(len(layouts), -1)
    for k in steps:
        for term in graph.steps[k].terms:
            last[number[term.source]] = number[k]
    until: list[int] = []
    shape[8] = -1
    for t in range(len(layouts)):
        if last[t] >= 0:
            free = [slot for slot, end in enumerate(until) if end <= t]
            slot = free[0] if free else len(until)
            until[slot : slot + 1] = [int(last[t])]
            shape[8, t] = slot
    return shape


def _given(graph: Graph, affine: list[int], directions: FloatArray, shape: IndexArray) -> FloatArray:
    """Return the rows of tensors before the first switch along some directions."""
    found = affine_rows(graph, affine, np.vstack([np.zeros(graph.n_in), directions]))
    n = len(directions)
    tables = []
    for k, t in zip(affine, np.flatnonzero(shape[9] >= 0), strict=True):
        sites, channels, padded = shape[2, t], shape[3, t], shape[4, t]
        table = np.zeros((sites, n, padded))
        # Row 0 is the constant part; the others are changes alone.
        table[:, :, :channels] = found[k][0][1:].reshape(n, sites, channels).transpose(1, 0, 2)
        tables.append(table.ravel())
    result = aligned_zeros((sum(table.size for table in tables),))
    result[:] = np.concatenate(tables)
    return result


def _caps(graph: Graph, steps: list[int], affine: list[int]) -> FloatArray:
    """Return bounds of the gradients of all units that hold at every point."""
    squares = dict.fromkeys(affine, 0.0)
    for first in range(0, graph.n_in, _INPUTS_AT_ONCE):
        some = np.eye(graph.n_in)[first : first + _INPUTS_AT_ONCE]
        found = affine_rows(graph, affine, np.vstack([np.zeros(graph.n_in), some]))
        for k in affine:
            squares[k] = squares[k] + np.square(found[k][0][1:]).sum(axis=0)
    norms, caps = {INPUT: 1.0}, [np.ones(graph.n_in)]
    with np.errstate(over="ignore", invalid="ignore"):
        for k in steps:
            step = graph.steps[k]
            cap, norm = np.zeros(step.layout.n_units), 0.0
            for term in step.terms:
                cap += _column_norms(step, term) * norms[term.source]
                norm += _operator_norm(step.layout, term) * norms[term.source]
            if k in squares:
                cap = np.sqrt(squares[k])
            cap = np.minimum(np.where(np.isnan(cap), np.inf, cap), norm if norm >= 0 else np.inf)
            norm = min(norm if norm >= 0 else np.inf, float(np.sqrt(np.square(cap).sum())))
            norms[k] = norm * max(map(abs, step.activation.slopes)) * _GUARD
            caps.append(cap * _GUARD)
    return np.concatenate(caps)


def _column_norms(step: Step, term: Term) -> FloatArray:
    """Return bounds of the norms of a term's rows, by unit: taps of one site read different sites or add up."""
    norms = np.linalg.norm(term.blocks, axis=1)[term.block]  # (taps, channels)
    out = np.repeat(np.arange(step.layout.n_sites), np.diff(term.offsets))
    total = np.zeros((step.layout.n_sites, step.layout.n_channels))
    pairs = np.unique(np.stack([out, term.site]), axis=1)
    if pairs.shape[1] == out.size:
        np.add.at(total, out, norms**2)
        return np.sqrt(total).ravel()
    np.add.at(total, out, norms)
    return total.ravel()


def _operator_norm(layout: Layout, term: Term) -> float:
    """Return a bound of the norm of a term's matrix: that of the matrix of its blocks' norms.

    For any positive v, no entry of ``(N^T N v) / v`` is less than the square of the norm of N at most.
    """
    if not term.site.size:
        return 0.0
    norms = np.linalg.norm(term.blocks, 2, axis=(1, 2))[term.block]
    out = np.repeat(np.arange(layout.n_sites), np.diff(term.offsets))
    n_in = int(term.site.max()) + 1
    v, best = np.ones(n_in), np.inf
    reached = np.bincount(term.site, minlength=n_in) > 0
    for _ in range(_NORM_ROUNDS):
        middle = np.bincount(out, weights=norms * v[term.site], minlength=layout.n_sites)
        after = np.bincount(term.site, weights=norms * middle[out], minlength=n_in)
        best = min(best, float((after[reached] / v[reached]).max()))
        largest = after.max()
        if not (np.isfinite(largest) and largest > 0):
            break
        v = after / largest + 1e-6
    return math.sqrt(best) if best < math.inf else math.inf


def _candidates(
    numbering: Numbering, number: dict[int, int], shape: IndexArray, n_units: int
) -> tuple[Candidates, IndexArray]:
    """Return what may switch, and which comparison each unit makes."""
    from linregions.measures.distances.kernels.graph_search import Candidates

    graph, tournament, maxima = numbering.graph, numbering.tournament, numbering.graph.maxima
    units, tensors, neurons = [], [], []
    for group in numbering.groups:
        if group.windows.size == 0:
            t, n = number[group.step], group.size
            units.append(shape[0, t] + np.arange(n))
            tensors.append(np.full(n, t))
            neurons.append(group.first + graph.steps[group.step].layout.order)
    windows = np.repeat(np.arange(maxima.size.size), maxima.size)
    none = np.zeros(0, dtype=np.int64)
    tensor = np.array([number[k] for k in maxima.step.tolist()], dtype=np.int64)
    unit = shape[0, tensor] + maxima.unit
    compared = np.full(n_units, -1, dtype=np.int64)
    compared[unit] = np.arange(unit.size)
    depth = [int(size - 1).bit_length() + 1 for size in maxima.size.tolist()]
    neuron = np.concatenate([none, *neurons, numbering.window_neuron[windows]]).astype(np.int64)
    candidates = Candidates(
        np.concatenate([none, *units]).astype(np.int64),
        np.concatenate([none, *tensors]).astype(np.int64),
        neuron,
        np.argsort(neuron, kind="stable"),
        tournament.leaf,
        tournament.leaf_side.astype(np.int64),
        tournament.parent,
        tournament.side.astype(np.int64),
        unit,
        tensor,
        max(maxima.size.max(initial=1) if maxima.size.size else 1, *depth, 1),
    )
    return candidates, compared
