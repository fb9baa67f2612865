"""A chunk of lines, proved: stretches of them go through all steps, depth first, so that memory follows no line."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from linregions.domains.windows import LineDomain
from linregions.exact.bounds import check_arithmetic
from linregions.exact.filter import FloatNetwork
from linregions.networks.network import Network
from linregions.regions.lines.certified.advance import take_step
from linregions.regions.lines.certified.exactly import Court
from linregions.regions.lines.certified.gather import Gathering
from linregions.regions.lines.certified.rows import begin, inputs_of
from linregions.regions.lines.engine import Chunk, Proof, Stopped
from linregions.regions.lines.graph_engine import GraphChunk
from linregions.regions.lines.kernels.decisions import Switches, Tally


@dataclass(frozen=True, eq=False)
class CertifiedLines:
    """What all lines through a network share."""

    network: Network
    floats: FloatNetwork

    @classmethod
    def of(cls, network: Network) -> CertifiedLines:
        """Return it; what is made of the network is kept as long as that."""
        return cls(network, FloatNetwork.of(network))

    @property
    def paths(self) -> Any:
        """Paths of a chain, for what is good."""
        from linregions.networks.good import paths_of

        return paths_of(self.network)

    @cached_property
    def n_steps(self) -> int:
        """Number of steps up to the last that switches."""
        steps = self.network.graph.steps
        return max((k + 1 for k, step in enumerate(steps) if step.activation.n_breakpoints), default=0)

    @cached_property
    def n_switches(self) -> int:
        """Number of switches."""
        return self.network.numbering.n_switches

    @property
    def n_bytes(self) -> int:
        """Bytes of what is held beside the network itself: weights in floats, scaled."""
        return sum(term.blocks.nbytes for step in self.network.graph.steps for term in step.terms)

    @cached_property
    def widest(self) -> int:
        """Numbers that a point takes at most, with what was made of it."""
        return max((step.layout.n_units for step in self.network.graph.steps), default=1)

    def worker_bytes(self, n_rows: int) -> int:
        """Return about what a stretch of so many points takes."""
        return n_rows * (8 * 12 * self.widest + 3 * self.n_switches + 512)


class CertifiedWorker:
    """Takes lines of a chunk through a network."""

    grown_bytes = 0

    def __init__(self, plan: CertifiedLines, n_rows: int, stop: threading.Event) -> None:
        self.plan, self.n_rows, self.stop = plan, n_rows, stop
        check_arithmetic()

    @np.errstate(all="ignore")  # whatever is no number is a doubt
    def work(self, domains: Sequence[LineDomain]) -> Chunk:
        """Partition a chunk of lines."""
        plan, network = self.plan, self.plan.network
        court, gathering = Court(network, domains), Gathering(network, len(domains))
        # Most neurons switch once on a line, and some more often; a group that outgrows its room is halved.
        size = max(1, self.n_rows * 4 // (5 * (plan.n_switches + 3)))
        n_steps = plan.n_steps
        for first in range(0, len(domains), size):
            group = domains[first : first + size]
            inputs = plan.floats.inputs(inputs_of(group))
            waiting = [begin(group, first, inputs)]
            while waiting:
                stretch = waiting.pop()
                if self.stop.is_set():
                    raise Stopped
                while stretch.size > self.n_rows and (halves := stretch.halves()) is not None:
                    stretch = halves[0]
                    waiting.append(halves[1])
                if stretch.step < n_steps:
                    waiting.append(take_step(plan.floats, stretch, court))
                    continue
                line = stretch.points.line[stretch.order[-1]]
                continues = bool(waiting) and bool(waiting[-1].points.line[waiting[-1].order[0]] == line)
                gathering.take(stretch, court, continues)
        return self._chunk(len(domains), gathering, court)

    def _chunk(self, n_lines: int, gathering: Gathering, court: Court) -> Chunk:
        found = gathering.finish()
        offsets = np.searchsorted(found.line, np.arange(n_lines + 1))
        switch_offsets = np.concatenate([[0], np.cumsum(found.switches)]).astype(np.int64)
        own = [switch_offsets[low : high + 1] - switch_offsets[low] for low, high in itertools.pairwise(offsets)]
        none = np.zeros(n_lines, dtype=np.int64)
        return (Chunk if self.plan.network.is_chain else GraphChunk)(
            first_patterns=gathering.first_patterns,
            offsets=offsets.astype(np.int64),
            breakpoints=found.t,
            switch_offsets=switch_offsets,
            own_offsets=np.concatenate(own),
            switches=Switches(none[:0], found.neuron, found.breakpoint, found.direction),
            tally=Tally(snapped=none, merged=none.copy(), margin=np.full(n_lines, np.inf), undecided=none.copy()),
            proof=Proof(court.asked, court.mended),
        )
