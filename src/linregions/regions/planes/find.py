"""Find the regions of a window: which sink takes them, and whether they will fit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from linregions._support.limits import Exceeded, exceeded, out_of_memory
from linregions.domains.windows import PlaneWindow
from linregions.networks.network import Network
from linregions.regions.options import DEFAULT_OPTIONS, Options
from linregions.regions.planes.certify import certified
from linregions.regions.planes.engine.knobs import USUAL, Knobs
from linregions.regions.planes.hand_over import hand_over
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.sink import Sink


def partition_plane(
    network: Network, window: PlaneWindow, options: Options = DEFAULT_OPTIONS, knobs: Knobs = USUAL
) -> PlanePartition:
    """Partition one window; arguments are checked by `linregions.partition`."""
    from linregions.regions.planes.sinks.collect import Collector

    if options.certify:
        return certified(network, window, replace(options, certify=False), partial(partition_plane, knobs=knobs))
    if options.memory_limit is not None:
        _check_that_it_fits(network, window, options)
    found: PlanePartition = run_sink(network, window, Collector(options.memory_limit, options.who), options, knobs)
    return found


def _check_that_it_fits(network: Network, window: PlaneWindow, options: Options) -> None:
    """Raise before any work if a partition will most likely not fit."""
    from linregions.regions.planes.estimate import bytes_enough, estimate_plane
    from linregions.regions.planes.sinks.collect import KEEP_NONE

    limit = options.memory_limit
    assert limit is not None
    found = estimate_plane(network, window, tolerances=options.tolerances, limited=True)
    if found.bytes_collected > limit:
        spare, kept = limit - found.bytes_statistics, found.bytes_collected - found.bytes_statistics
        fitting = int(found.n_regions.value * max(0.0, spare / kept)) if kept > 0 else 0
        counted, needed = bytes_enough(found, options.threads)
        raise exceeded(
            limit,
            options.who,
            needed,
            f"to keep the regions of this window, about {found.n_regions.value:,.0f}, of which {fitting:,} would fit",
            f"Give that many at least, or a smaller window, or {KEEP_NONE}, which needs {counted}.",
        )


def count_plane(
    network: Network,
    window: PlaneWindow,
    kind: str = "activation",
    options: Options = DEFAULT_OPTIONS,
    knobs: Knobs = USUAL,
) -> tuple[int, int]:
    """Count the regions of one window without keeping them; also return how many decisions float64 could not tell."""
    from linregions.regions.planes.sinks.statistics import RegionCounter

    if options.certify:
        part = partition_plane(network, window, options, knobs)
        return _count_of(part, kind), int(part.diagnostics["undecided"])
    counter = RegionCounter(kind)
    count: int = run_sink(network, window, counter, options, knobs)
    return count, counter.undecided


def _count_of(part: PlanePartition, kind: str) -> int:
    if kind == "activation":
        return part.n_regions
    return part.n_linear_regions if kind == "linear" else part.n_gradient_regions


def run_sink(
    network: Network, window: PlaneWindow, sink: Sink, options: Options = DEFAULT_OPTIONS, knobs: Knobs = USUAL
) -> Any:
    """Hand the regions of one window to a sink; arguments are checked by `linregions.partition`."""
    from linregions.regions.planes.engine.run import run_plane
    from linregions.regions.planes.estimate import bytes_enough, estimate_plane

    if options.certify:
        return hand_over(partition_plane(network, window, options, knobs), sink)
    try:
        return run_plane(network, window, sink, options, knobs)
    except MemoryError as error:
        raise out_of_memory(options.memory_limit, options.who, error) from None
    except Exceeded as error:
        found = estimate_plane(network, window, tolerances=options.tolerances, limited=True)
        needed = max(options.threads * error.needed, bytes_enough(found, options.threads)[0])
        each = f" in each of {options.threads} threads" if options.threads > 1 else ""
        remedy = "Give that many at least, or fewer threads, or a smaller window."
        raise exceeded(
            options.memory_limit, options.who, needed, f"to work one cell of this window{each}", remedy
        ) from None
