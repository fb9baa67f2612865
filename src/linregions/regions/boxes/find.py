"""Find the cells of one box: all of them as a partition, or only their number."""

from __future__ import annotations

from typing import Any

from linregions._support.limits import Exceeded, exceeded, out_of_memory
from linregions.domains.solids import Box
from linregions.errors import InvalidValueError
from linregions.networks.network import Network
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.sink import BoxSink
from linregions.regions.options import DEFAULT_OPTIONS, Options

MOST_INPUTS = 5


def find_cells(network: Network, domain: Box, options: Options = DEFAULT_OPTIONS) -> BoxCells:
    """Return all cells of one box as flat arrays; arguments are checked by `linregions.partition`."""
    from linregions.regions.boxes.sinks.collect import CellCollector

    found: BoxCells = run_box_sink(network, domain, CellCollector(options.memory_limit, options.who), options)
    return found


def count_box(network: Network, domain: Box, options: Options = DEFAULT_OPTIONS) -> tuple[int, int]:
    """Count the cells of one box; also return how many decisions float64 could not tell."""
    from linregions.regions.boxes.sinks.count import CellCounter

    counter = CellCounter()
    count: int = run_box_sink(network, domain, counter, options)
    return count, counter.undecided


def run_box_sink(network: Network, domain: Box, sink: BoxSink, options: Options = DEFAULT_OPTIONS) -> Any:
    """Hand the cells of one box to a sink."""
    check_box(network, options.who)
    from linregions.regions.boxes.engine.work import run_box

    try:
        return run_box(network, domain, sink, options)
    except MemoryError as error:
        raise out_of_memory(options.memory_limit, options.who, error) from None
    except Exceeded as error:
        what = "to work a part of this box" + (f" in each of {options.threads} threads" if options.threads > 1 else "")
        remedy = "Give that many at least, or fewer threads, or a smaller box."
        raise exceeded(options.memory_limit, options.who, options.threads * error.needed, what, remedy) from None


def check_box(network: Network, who: str) -> None:
    """Raise if boxes of this network cannot be cut into cells."""
    if network.n_in > MOST_INPUTS:
        raise InvalidValueError(
            f"`domain` is a box of {network.n_in} inputs, but {who} needs at most {MOST_INPUTS}, since cells have too "
            "many corners beyond. Cut it along lines (`Segment`) or planes (`PlaneWindow`), or estimate densities with "
            "`boundary_density`."
        )
