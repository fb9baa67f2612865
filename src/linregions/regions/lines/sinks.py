"""What becomes of lines as they are partitioned: kept, or counted."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.domains.windows import LineDomain
from linregions.errors import NumericalError
from linregions.networks.network import Network
from linregions.regions.lines.certified.engine import CertifiedLines
from linregions.regions.lines.engine import Chunk
from linregions.regions.lines.graph_plan import GraphLines
from linregions.regions.lines.partition import LinePartition
from linregions.regions.lines.patterns import line_gradient_boundaries, proved_gradient_boundaries
from linregions.regions.lines.plan import Plan
from linregions.regions.tolerances import is_certifying_advised

AnyPlan = Plan | GraphLines | CertifiedLines
Digested = tuple[npt.NDArray[np.bool_], Chunk]


class LineSink(ABC):
    """Something that takes partitioned lines, chunk by chunk."""

    @abstractmethod
    def digest(self, plan: AnyPlan, chunk: Chunk) -> Any:
        """Return what is needed of a chunk; in any thread or process, in any order."""

    @abstractmethod
    def collect(self, network: Network, domains: Sequence[LineDomain], digested: Any) -> None:
        """Take what `digest` returned of these lines, in their order and in the caller's thread."""

    @abstractmethod
    def finish(self) -> Any:
        """Return the result."""


class LineCollector(LineSink):
    """Keep everything: a `LinePartition` for each line."""

    def __init__(self) -> None:
        self.found: list[LinePartition] = []

    def digest(self, plan: AnyPlan, chunk: Chunk) -> Digested:
        """Find the boundaries of linear regions."""
        return chunk.linear_boundaries(plan), chunk

    def collect(self, network: Network, domains: Sequence[LineDomain], digested: Digested) -> None:
        """Make the partitions, whose arrays are views of those of the chunk."""
        linear, chunk = digested
        if not np.isfinite(chunk.breakpoints).all():
            raise NumericalError(
                "`network` breaks beyond 1e308 along `domain`, but a partition needs finite places. "
                "Scale the weights or the direction."
            )
        breakpoints, first_patterns, offsets = chunk.breakpoints, chunk.first_patterns, chunk.own_offsets
        _, neuron, which, direction = chunk.switches
        for array in (linear, breakpoints, first_patterns, offsets, neuron, which, direction):
            array.flags.writeable = False
        bounds, switches = chunk.offsets.tolist(), chunk.switch_offsets[chunk.offsets].tolist()
        diagnostics = _diagnostics(chunk)
        for i, domain in enumerate(domains):
            start, stop, low, high = bounds[i], bounds[i + 1], switches[i], switches[i + 1]
            part = object.__new__(LinePartition)
            # As the constructor does, which takes longer than all the rest for a frozen class.
            values = {
                "domain": domain,
                "network": network,
                "breakpoints": breakpoints[start:stop],
                "is_linear_boundary": linear[start:stop],
                "first_pattern": first_patterns[i],
                "switch_offsets": offsets[start + i : stop + i + 1],
                "switch_neurons": neuron[low:high],
                "switch_breakpoints": which[low:high],
                "switch_directions": direction[low:high],
                "diagnostics": diagnostics[i],
            }
            object.__setattr__(part, "__dict__", values)
            self.found.append(part)

    def finish(self) -> list[LinePartition]:
        """Return the partitions."""
        return self.found


def _diagnostics(chunk: Chunk) -> list[dict[str, Any]]:
    """Return what is to be said of each line."""
    if chunk.proof is not None:
        return [
            {"certified": True, "undecided": 0, "exact_decisions": asked, "mended_decisions": mended}
            for asked, mended in zip(*(column.tolist() for column in chunk.proof), strict=True)
        ]
    names = "snapped_signs", "merged_ties", "smallest_margin", "undecided"
    columns = (column.tolist() for column in chunk.tally)
    found = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    for each in found:
        each["certify_advised"] = is_certifying_advised(each["undecided"], each["smallest_margin"])
    return found


class LineCounter(LineSink):
    """Count the regions of a kind on each line, and the decisions on it that float64 could not tell."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.found: list[npt.NDArray[np.int64]] = []

    def digest(self, plan: AnyPlan, chunk: Chunk) -> npt.NDArray[np.int64]:
        """Count, shape (2, lines)."""
        if self.kind == "gradient":
            counts = _count_gradient(plan, chunk)
        elif self.kind == "linear":
            before = np.concatenate([[0], np.cumsum(chunk.linear_boundaries(plan))])
            counts = np.diff(before[chunk.offsets]) + 1
        else:
            counts = np.diff(chunk.offsets) + 1
        return np.stack([counts, chunk.tally.undecided])

    def collect(self, network: Network, domains: Sequence[LineDomain], digested: npt.NDArray[np.int64]) -> None:
        """Keep the counts."""
        self.found.append(digested)

    def finish(self) -> npt.NDArray[np.int64]:
        """Return the counts and the undecided, shape (2, lines)."""
        return np.concatenate(self.found, axis=1)


def _count_gradient(plan: AnyPlan, chunk: Chunk) -> npt.NDArray[np.int64]:
    counts = np.ones(chunk.first_patterns.shape[0], dtype=np.int64)
    linear = chunk.linear_boundaries(plan) if chunk.proof is not None else None
    for i, (start, stop) in enumerate(itertools.pairwise(chunk.offsets.tolist())):
        offsets = chunk.switch_offsets[start : stop + 1]
        own = slice(int(offsets[0]), int(offsets[-1]))
        switches = (
            chunk.first_patterns[i],
            offsets - offsets[0],
            chunk.switches.neuron[own],
            chunk.switches.direction[own],
        )
        if linear is None:
            counts[i] += np.count_nonzero(line_gradient_boundaries(plan.network, *switches))
        else:
            counts[i] += np.count_nonzero(proved_gradient_boundaries(plan.network, switches, linear[start:stop]))
    return counts
