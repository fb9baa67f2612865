"""Find the regions of many lines: partitions, or counts without geometry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._support.limits import out_of_memory
from linregions.domains.windows import LineDomain
from linregions.networks.network import Network
from linregions.regions.lines.knobs import USUAL, Knobs
from linregions.regions.lines.partition import LinePartition
from linregions.regions.options import DEFAULT_OPTIONS, Options

if TYPE_CHECKING:
    from linregions.regions.lines.sinks import LineSink


def partition_lines(
    network: Network, domains: Sequence[LineDomain], options: Options = DEFAULT_OPTIONS, knobs: Knobs = USUAL
) -> list[LinePartition]:
    """Partition many lines together, one at least; `partition` checks the arguments and describes them.

    The points of all lines stream through the layers, in blocks that stay in cache: an affine step is a matrix product
    for a block, a compiled kernel finds where neurons change sign between neighbouring points, puts points there and
    hands them to the next layer. Cost is that of a forward pass over the breakpoints that earlier layers made; the
    first layer acts on two points for a line. Memory beyond the result follows the network, however many breakpoints a
    line has; a limit on it is for the work, the network and the result apart. Every entry of a product is summed in a
    fixed order, so that no bit depends on the blocks, the batch or the threads.

    An end without bound is a row of weight 0 that holds the slope outwards, so no constant stands for infinity.
    """
    from linregions.regions.lines.sinks import LineCollector

    found: list[LinePartition] = _run(network, domains, LineCollector(), options, knobs)
    return found


def count_lines(
    network: Network,
    domains: Sequence[LineDomain],
    kind: str = "activation",
    options: Options = DEFAULT_OPTIONS,
    knobs: Knobs = USUAL,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the regions of many lines without keeping geometry; `count_regions` checks the arguments.

    Returns for each line the regions, and how many decisions on it rounding may have changed (as in the diagnostics of
    `LinePartition`).
    """
    from linregions.regions.lines.sinks import LineCounter

    counts, undecided = _run(network, domains, LineCounter(kind), options, knobs)
    return counts, undecided


def _run(network: Network, domains: Sequence[LineDomain], sink: LineSink, options: Options, knobs: Knobs) -> Any:
    from linregions.regions.lines.work import run_lines

    try:
        return run_lines(network, domains, sink, options, knobs)
    except MemoryError as error:
        raise out_of_memory(options.memory_limit, options.who, error) from None
