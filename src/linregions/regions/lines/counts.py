"""Counts of the regions of many lines, without their geometry."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from linregions.domains.windows import LineDomain
from linregions.networks.network import Network
from linregions.regions.lines.patterns import line_gradient_boundaries
from linregions.regions.tolerances import DEFAULT_TOLERANCES, Tolerances

if TYPE_CHECKING:
    from linregions.regions.lines.engine import Chunk
    from linregions.regions.lines.plan import Plan


def count_and_doubt_lines(
    net: Network,
    domains: Sequence[LineDomain],
    kind: str = "activation",
    *,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the regions of many lines without keeping geometry; `count_regions` checks the arguments.

    Parameters
    ----------
    net, domains, tolerances, threads, progress, memory_limit
        As in `lines.partition_lines`.
    kind : {"activation", "linear", "gradient"}

    Returns
    -------
    counts, undecided : ndarray of int64, shape (len(domains),)
        The regions of each line, and how many decisions on it rounding may have changed (as in the diagnostics of
        `lines.LinePartition`).

    Raises
    ------
    MemoryLimitError, NumericalError
        As in `lines.partition_lines`.
    """
    from linregions.regions.lines.engine import work_lines

    finish = {"activation": _count_activation, "linear": _count_linear, "gradient": _count_gradient}[kind]
    who = "count_regions"
    parts = work_lines(net, domains, finish, tolerances, threads, progress, memory_limit, who)
    counts, undecided = np.concatenate(parts, axis=1)
    return counts, undecided


def _count_activation(plan: Plan, domains: Sequence[LineDomain], chunk: Chunk) -> npt.NDArray[np.int64]:
    return np.stack([np.diff(chunk.offsets) + 1, chunk.tally.undecided])


def _count_linear(plan: Plan, domains: Sequence[LineDomain], chunk: Chunk) -> npt.NDArray[np.int64]:
    before = np.concatenate([[0], np.cumsum(chunk.linear_boundaries(plan))])
    return np.stack([np.diff(before[chunk.offsets]) + 1, chunk.tally.undecided])


def _count_gradient(plan: Plan, domains: Sequence[LineDomain], chunk: Chunk) -> npt.NDArray[np.int64]:
    counts = np.ones(len(domains), dtype=np.int64)
    for i, (start, stop) in enumerate(itertools.pairwise(chunk.offsets.tolist())):
        offsets = chunk.event_offsets[start : stop + 1]
        own = slice(int(offsets[0]), int(offsets[-1]))
        switches = offsets - offsets[0], chunk.events.neuron[own], chunk.events.direction[own]
        counts[i] += np.count_nonzero(line_gradient_boundaries(plan.net, chunk.first_patterns[i], *switches))
    return np.stack([counts, chunk.tally.undecided])
