"""Find the cells of one box or polytope: all of them as a partition, or only their number."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions._support.limits import Exceeded, exceeded, out_of_memory
from linregions.domains.polytopes import Polytope, check_dimension
from linregions.domains.solids import Box
from linregions.errors import InvalidValueError, UnsupportedModuleError
from linregions.networks.network import Network
from linregions.networks.switches import has_maxima
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.partition import BoxPartition
from linregions.regions.boxes.sink import BoxSink
from linregions.regions.options import DEFAULT_OPTIONS, Options

Solid = Box | Polytope


def partition_box(network: Network, domain: Solid, options: Options = DEFAULT_OPTIONS) -> BoxPartition:
    """Partition one box or polytope; arguments are checked by `linregions.partition`."""
    return BoxPartition.of(network, domain, find_cells(network, domain, options))


def find_cells(network: Network, domain: Solid, options: Options = DEFAULT_OPTIONS) -> BoxCells:
    """Return all cells of one box or polytope as flat arrays."""
    from linregions.regions.boxes.sinks.collect import CellCollector

    found: BoxCells = run_box_sink(network, domain, CellCollector(options.memory_limit, options.who), options)
    return found


def count_box(
    network: Network, domain: Solid, kind: str = "activation", options: Options = DEFAULT_OPTIONS
) -> tuple[int, int]:
    """Count the regions of one box or polytope; also return how many decisions float64 could not tell.

    Memory does not grow with their number.
    """
    from linregions.regions.boxes.sinks.count import CellCounter, QuickCounter
    from linregions.regions.boxes.sinks.joined_count import JoinedCounter

    if kind == "activation":
        count: int | None = run_box_sink(network, domain, QuickCounter(), options)
        if count is not None:
            return count, 0
    counter = CellCounter() if kind == "activation" else JoinedCounter(kind)
    found: int = run_box_sink(network, domain, counter, options)
    return found, counter.undecided


def _check_size(domain: Solid, measured: bool, who: str) -> None:
    """Raise if float64 cannot hold the sides of a domain, or its volume where that is needed."""
    with np.errstate(over="ignore", under="ignore"):
        sides = np.ptp(domain.vertices, axis=0) if isinstance(domain, Polytope) else domain.high - domain.low
        box = domain.box if isinstance(domain, Polytope) else domain
        volume = float(np.prod(sides))
        fits = np.isfinite(2.0 * (box.high - box.low)).all()
    if not fits or (measured and not np.finfo(float).tiny <= volume < np.inf):
        raise InvalidValueError(
            f"`domain` has sides from {sides.min():.2g} to {sides.max():.2g}, but {who} needs ones whose product is a "
            "number of float64. Give the inputs other units: divide them by a number, and multiply the first weights "
            "by it."
        )


def run_box_sink(network: Network, domain: Solid, sink: BoxSink, options: Options = DEFAULT_OPTIONS) -> Any:
    """Hand the cells of one box to a sink."""
    check_box(network, options)
    _check_size(domain, sink.needs_cells, options.who)
    from linregions.regions.boxes.engine.work import run_box

    try:
        return run_box(network, domain, sink, options)
    except MemoryError as error:
        raise out_of_memory(options.memory_limit, options.who, error) from None
    except Exceeded as error:
        what = "to work a part of this box" + (f" in each of {options.threads} threads" if options.threads > 1 else "")
        remedy = "Give that many at least, or fewer threads, or a smaller box."
        raise exceeded(options.memory_limit, options.who, options.threads * error.needed, what, remedy) from None


def check_box(network: Network, options: Options) -> None:
    """Raise if a box of this network cannot be cut into cells, or not as it is asked for."""
    check_dimension(network.n_in, "domain", options.who)
    if options.certify:
        raise InvalidValueError(
            f"`certify` is True, but {options.who} needs False for a Box or Polytope, of which signs are not proved. "
            "Leave it out and see `diagnostics['undecided']`, or certify sections (`PlaneWindow`) of it."
        )
    if has_maxima(network):
        raise UnsupportedModuleError(
            f"`network` takes maxima, but {options.who} of a Box or Polytope needs activations alone. Take sections of "
            "it (`PlaneWindow`, `Segment`)."
        )
