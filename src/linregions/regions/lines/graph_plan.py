"""A graph as the kernels of lines want it, and its affine part along a straight line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from linregions._support.validation import FloatArray
from linregions.domains.windows import Line, LineDomain, Path, Ray, Segment
from linregions.networks.flatten import Flat, affine_rows, graph_steps
from linregions.networks.kernels import sites
from linregions.networks.network import Network
from linregions.regions.lines.kernels.graph_records import CONSTANT, SLOPE_ALONG, GraphPlan
from linregions.regions.tolerances import Tolerances

# Breakpoints that a cell is to have.
TARGET = 200.0


class Leg(NamedTuple):
    """A straight part of a line, ``start + t direction`` from `low` to `high`; the line's own t is `offset` more."""

    start: FloatArray
    direction: FloatArray
    low: float
    high: float
    offset: float


def legs_of(domain: LineDomain) -> Iterator[Leg]:
    """Yield the straight parts of a line, one after the other."""
    if isinstance(domain, Ray):
        yield Leg(domain.origin, domain.direction, -np.inf if isinstance(domain, Line) else 0.0, np.inf, 0.0)
    elif isinstance(domain, Path):
        for k, (a, b) in enumerate(zip(domain.points[:-1], domain.points[1:], strict=True)):
            yield Leg(a, b - a, 0.0, 1.0, float(k))
    else:
        assert isinstance(domain, Segment)
        yield Leg(domain.a, domain.b - domain.a, 0.0, 1.0, 0.0)


@dataclass(frozen=True, eq=False)
class GraphLines:
    """What all lines through a graph share."""

    network: Network
    flat: Flat | None  # None where nothing switches
    plan: GraphPlan | None
    relative: float

    @classmethod
    def of(cls, network: Network, tolerances: Tolerances) -> GraphLines:
        """Flatten a graph."""
        graph, numbering = network.graph, network.numbering
        first_switch = [layer.first for layer in numbering.layout]
        flat = graph_steps(graph, [*first_switch, 0])
        if flat is None:
            return cls(network, None, None, tolerances.relative)
        steps, tournament = flat.steps, numbering.tournament
        depth = np.zeros(steps.shape.shape[1])
        for i in range(depth.size):
            if steps.shape[sites.GIVEN, i] < 0:
                terms = slice(steps.shape[sites.FIRST_TERM, i], steps.shape[sites.END_TERM, i])
                depth[i] = 1.0 + depth[steps.term[sites.SOURCE, terms]].max(initial=0.0)
        widths = np.where(steps.shape[sites.GIVEN] >= 0, steps.shape[sites.WIDTH], 0)
        neuron, breakpoint = numbering.tables
        numbers = (
            np.cumsum([0, *widths]),
            depth,
            neuron,
            breakpoint,
            numbering.switch_comparison,
            tournament.window,
            numbering.comparison_switch,
            tournament.entry,
            tournament.earlier,
            tournament.last,
        )
        # Fresh arrays, all alike in memory and all of which may be written to, or kernels are compiled for others too.
        arrays = [np.array(array, order="C") for array in numbers]
        plan = GraphPlan._make((*steps, *arrays, tolerances.relative, TARGET))
        return cls(network, flat, plan, tolerances.relative)

    @classmethod
    def kept(cls, network: Network, tolerances: Tolerances) -> GraphLines:
        """Return the plan of a graph, which never changes; the last one is kept."""
        global _kept
        if _kept is None or _kept.network is not network or _kept.relative != tolerances.relative:
            _kept = cls.of(network, tolerances)
        return _kept

    @property
    def n_switches(self) -> int:
        """Number of switches."""
        return self.network.numbering.n_switches

    @property
    def n_bytes(self) -> int:
        """Bytes of what is held beside the network itself."""
        return sum(array.nbytes for array in self.plan or () if isinstance(array, np.ndarray))

    def rows(self, leg: Leg) -> FloatArray:
        """Return the affine rows of all given steps along a leg, and the sizes of their terms, shape (4, units)."""
        assert self.flat is not None
        given = [i for i in range(self.flat.of.size) if self.flat.steps.shape[sites.GIVEN, i] >= 0]
        numbers = self.flat.of[given].tolist()
        found = affine_rows(self.network.graph, numbers, np.stack([leg.start, leg.direction]))
        # In one piece whatever the parts are, since the compiled kernel takes no other.
        return np.ascontiguousarray(np.concatenate([np.concatenate(found[k]) for k in numbers], axis=1))

    def crossings(self, rows: FloatArray, leg: Leg) -> FloatArray:
        """Return where the first step switches inside a leg, in order."""
        assert self.plan is not None
        n, t = self.plan.shape[sites.WIDTH, 0], self.plan.shape[sites.N_BREAKPOINTS, 0]
        xi = self.plan.activation[sites.BREAKPOINT, 0, :t, None]
        with np.errstate(all="ignore"):
            where = ((xi - rows[CONSTANT, :n]) / rows[SLOPE_ALONG, :n]).ravel()
        return np.sort(where[(where > leg.low) & (where < leg.high)])


_kept: GraphLines | None = None
