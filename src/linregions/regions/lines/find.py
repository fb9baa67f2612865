"""Find the regions of many lines: partitions, or counts without geometry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions.domains.windows import LineDomain
from linregions.networks.network import Network
from linregions.regions.lines.partition import LinePartition
from linregions.regions.options import DEFAULT_OPTIONS, Options

if TYPE_CHECKING:
    from linregions.regions.lines.sinks import LineSink


def partition_lines(
    network: Network, domains: Sequence[LineDomain], options: Options = DEFAULT_OPTIONS
) -> list[LinePartition]:
    """Partition many lines together; `partition` checks the arguments and describes them.

    Parameters
    ----------
    network : Network
    domains : sequence of Segment, Ray, Line or Path
        At least one, each in the network's input space.
    options : Options
        `memory_limit` is for the work, the network and the result apart.

    Returns
    -------
    list of LinePartition

    Raises
    ------
    MemoryLimitError
        If a single line does not fit into `memory_limit`; the message says what would fit.
    NumericalError
        If values overflow.

    Notes
    -----
    The points of all lines stream through the layers, in blocks that stay in cache: an affine step is a matrix
    product for a block, a compiled kernel finds where neurons change sign between neighbouring points, puts points
    there and hands them to the next layer. Cost is that of a forward pass over the breakpoints that earlier layers
    made; the first layer acts on two points for a line. Memory beyond the result follows the network, however many
    breakpoints a line has. Every entry of a product is summed in a fixed order, so that no bit depends on the blocks,
    the batch or the threads.

    An end without bound is a row of weight 0 that holds the slope outwards, so no constant stands for infinity.

    References
    ----------
    Hanin & Rolnick (2019), sections 2.1, 3.1 and 5, eqs. (4), (11).

    Examples
    --------
    >>> import linregions as lr
    >>> from linregions.regions.lines.find import partition_lines
    >>> net = lr.Network.from_layers([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], [0.0])])
    >>> (p,) = partition_lines(net, [lr.Line([0.0], [1.0])])
    >>> p
    LinePartition(Line, 3 activation regions, 3 linear regions)
    >>> p.breakpoints.tolist(), p.slopes.ravel().tolist()
    ([0.0, 1.0], [0.0, 1.0, 2.0])
    """
    from linregions.regions.lines.sinks import LineCollector

    found: list[LinePartition] = _found(network, domains, LineCollector(), options)
    return found


def count_lines(
    network: Network, domains: Sequence[LineDomain], kind: str = "activation", options: Options = DEFAULT_OPTIONS
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the regions of many lines without keeping geometry; `count_regions` checks the arguments.

    Parameters
    ----------
    network, domains, options
        As in `partition_lines`.
    kind : {"activation", "linear", "gradient"}

    Returns
    -------
    counts, undecided : ndarray of int64, shape (len(domains),)
        The regions of each line, and how many decisions on it rounding may have changed (as in the diagnostics of
        `LinePartition`).

    Raises
    ------
    MemoryLimitError, NumericalError
        As in `partition_lines`.
    """
    from linregions.regions.lines.sinks import LineCounter

    counts, undecided = _found(network, domains, LineCounter(kind), options)
    return counts, undecided


def _found(network: Network, domains: Sequence[LineDomain], sink: LineSink, options: Options) -> Any:
    from linregions.regions.lines.work import run_lines

    return run_lines(network, domains, sink, options)
