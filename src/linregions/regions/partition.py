"""The verbs of the library: partition a domain into linear regions, or only count them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Unpack, overload

import numpy as np
import numpy.typing as npt

from linregions._support.announcement import announce_compilation
from linregions._support.validation import as_choice, as_integer
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.domains.windows import Line, LineDomain, Path, PlaneWindow, Ray, Segment
from linregions.errors import InvalidTypeError, InvalidValueError, UndecidedWarning
from linregions.networks.importers import as_network
from linregions.networks.network import Network
from linregions.regions.boxes.find import count_box, partition_box, run_box_sink
from linregions.regions.boxes.partition import BoxPartition
from linregions.regions.boxes.sink import BoxSink
from linregions.regions.kinds import KINDS
from linregions.regions.lines.find import count_lines, partition_lines
from linregions.regions.lines.partition import LinePartition
from linregions.regions.options import Client, Options, OptionsGiven
from linregions.regions.planes.find import count_plane, partition_plane, run_sink
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.sink import Sink
from linregions.regions.tolerances import DEFAULT_TOLERANCES, Tolerances

Solid = Box | Polytope
Domain = LineDomain | PlaneWindow | Solid
_DOMAINS = (Segment, Ray, Line, Path, PlaneWindow, Box, Polytope)


def _checked(network: Any, domain: Any, options: Options) -> tuple[Network, list[Domain], bool]:
    """Check the network and the domains; return these, and whether they are a batch."""
    who = options.who
    model = as_network(network, "network", who)
    batch = isinstance(domain, Sequence) and not isinstance(domain, str)
    domains = list(domain) if batch else [domain]
    if not domains:
        raise InvalidValueError(
            f"`domain` is an empty list, but {who} needs at least one domain. Give a domain or a list of them."
        )
    n_in = model.n_in
    for k, entry in enumerate(domains):
        name = f"domain[{k}]" if batch else "domain"
        if not isinstance(entry, _DOMAINS):
            raise InvalidTypeError(
                f"`{name}` is {type(entry).__name__}, but {who} needs a Segment, Ray, Line, Path, PlaneWindow, Box "
                "or Polytope. Build one from points of the input space."
            )
        if entry.n_in != n_in:
            raise InvalidValueError(
                f"`{name}` lives in {entry.n_in} dimensions, but {who} needs the network's {n_in} inputs. "
                "Give points of the network's input space."
            )
    announce_compilation()
    return model, domains, batch


def _handed_to(sink: Any, model: Network, domains: list[Domain], batch: bool, options: Options) -> Any:
    """Hand the regions of a window, a box or a polytope to a sink, if it is one for these."""
    if not isinstance(sink, Sink | BoxSink):
        raise InvalidTypeError(
            f"`sink` is {sink!r} ({type(sink).__name__}), but partition needs an instance of a linregions.Sink. "
            "Pass e.g. `RegionStatistics()`, or `BoxStatistics()` for a box."
        )
    wanted = "one PlaneWindow" if isinstance(sink, Sink) else "one Box or Polytope"
    domain = domains[0]
    if batch or not isinstance(domain, PlaneWindow | Box | Polytope):
        seen = f"a list of {len(domains)} domains" if batch else type(domain).__name__
        raise InvalidTypeError(
            f"`domain` is {seen}, but partition with a `sink` needs {wanted}. "
            "Leave the sink out, or call partition for each domain."
        )
    if isinstance(sink, BoxSink):
        if not isinstance(domain, PlaneWindow):
            return run_box_sink(model, domain, sink, options)
    elif isinstance(domain, PlaneWindow):
        if sink.cells_in_batch is not None:
            as_integer(sink.cells_in_batch, "sink.cells_in_batch", "partition", 1)
        return run_sink(model, domain, sink, options)
    other = "RegionStatistics" if isinstance(domain, PlaneWindow) else "BoxStatistics"
    raise InvalidTypeError(
        f"`sink` is {type(sink).__name__}, which takes regions of {wanted}, but partition needs one for a "
        f"{type(domain).__name__}. Pass e.g. `{other}()`."
    )


@overload
def partition(network: Network, domain: PlaneWindow, *, sink: Sink, **options: Unpack[OptionsGiven]) -> Any: ...
@overload
def partition(network: Network, domain: Solid, *, sink: BoxSink, **options: Unpack[OptionsGiven]) -> Any: ...
@overload
def partition(network: Network, domain: PlaneWindow, **options: Unpack[OptionsGiven]) -> PlanePartition: ...
@overload
def partition(network: Network, domain: Solid, **options: Unpack[OptionsGiven]) -> BoxPartition: ...
@overload
def partition(network: Network, domain: LineDomain, **options: Unpack[OptionsGiven]) -> LinePartition: ...
@overload
def partition(
    network: Network, domain: Sequence[Domain], **options: Unpack[OptionsGiven]
) -> list[LinePartition | PlanePartition | BoxPartition]: ...
def partition(
    network: Network,
    domain: Domain | Sequence[Domain],
    *,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
    threads: int = 1,
    progress: bool = False,
    sink: Sink | BoxSink | None = None,
    memory_limit: int | None = None,
    executor: Executor | Client | None = None,
    certify: bool = False,
) -> Any:
    """Cut a domain into the linear regions of a network, exactly.

    Parameters
    ----------
    network : Network
        Or a PyTorch module or an MLP of scikit-learn, which is converted at each call (`from_torch`, `from_sklearn`).
    domain : Segment, Ray, Line, Path, PlaneWindow, Box, Polytope or a list of them
        Lines and curves of a list are worked together, which is much faster than one by one. A Box or Polytope is one
        of all inputs, 1 to 5 of them.
    tolerances : Tolerances
        How close to zero counts as zero, relative to the magnitudes at hand.
    threads : int
        Number of threads to work with, -1 for all cores. The result does not depend on it.
    progress : bool
        Show a bar on a terminal or in a notebook.
    sink : linregions.Sink, optional
        What takes the regions of a window as they are found, instead of keeping them all: `RegionStatistics`,
        `RegionStream`, or one of your own; or those of a Box or Polytope: `BoxStatistics`. Its result is returned.
    memory_limit : int, optional
        Bytes that the work and its result may take. The result does not depend on it.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Workers for the cells of a window, or for lines, e.g. a ``ProcessPoolExecutor`` or the client of a Dask
        cluster. No region is cut between them, and the result does not depend on them.
    certify : bool
        Prove every sign and order for exactly the floats given, with rigorous bounds, and in integer arithmetic where
        bounds leave doubts; ``diagnostics["certified"]`` is True then. Not for a Box or Polytope. `tolerances` play no
        part. Of windows what floats find is proved, which takes 1.3 to 2.3 times as long as to find it in general
        position and 5 to 12 elsewhere, or found anew by an exact engine.

    Returns
    -------
    LinePartition, PlanePartition or BoxPartition, or a list for a list of domains; with a sink, what that returns

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.
    NumericalError
        If rounding makes the signs of the network contradict one another.
    MemoryLimitError
        If the result or a part of the work does not fit in `memory_limit`.

    Notes
    -----
    Three kinds of region are always there: *activation* regions, where the pattern of all neurons is constant
    (`n_regions`); *linear* regions, across whose borders a *good* neuron switches, one from which an open path leads to
    an output (`n_linear_regions`); and *gradient* regions, the pieces of the complement of the paper's B_N itself,
    across whose borders the gradient jumps (`n_gradient_regions`). Linear and gradient regions are the same with
    probability 1 (Proposition 9); neurons that cancel exactly, as in relu(x) - relu(-x) = x, tell them apart. Cost
    grows linearly with the number of regions.

    References
    ----------
    Hanin & Rolnick (2019), sections 2 and 3, eqs. (4), (11), (18), Proposition 9.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
    >>> p = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    >>> p.n_regions == len(p.areas)
    True
    """
    options = Options.checked("partition", tolerances, threads, progress, memory_limit, executor, certify)
    model, domains, batch = _checked(network, domain, options)
    if sink is not None:
        return _handed_to(sink, model, domains, batch, options)
    result: list[Any] = [None] * len(domains)
    lines = [k for k, entry in enumerate(domains) if not isinstance(entry, PlaneWindow | Box | Polytope)]
    if lines:
        chosen: list[Any] = [domains[k] for k in lines]
        for k, part in zip(lines, partition_lines(model, chosen, options), strict=True):
            result[k] = part
    for k, entry in enumerate(domains):
        if isinstance(entry, PlaneWindow):
            result[k] = partition_plane(model, entry, options)
        elif isinstance(entry, Box | Polytope):
            result[k] = partition_box(model, entry, options)
    return result if batch else result[0]


def warn_of_undecided(undecided: int, stacklevel: int = 3) -> None:
    """Tell that counts rest on decisions that float64 cannot make, since they carry no diagnostics."""
    if undecided:
        lie = "decision lies" if undecided == 1 else "decisions lie"
        warnings.warn(
            f"{undecided:,} {lie} within the rounding of float64, taken as ties (lines that meet in a point, touch a "
            "corner or coincide). Where they are none, the count is off by about as many regions at most. See "
            "`partition(...).diagnostics`, and move the domain slightly to see whether the count stays.",
            UndecidedWarning,
            stacklevel=stacklevel,
        )


@overload
def count_regions(network: Network, domain: Domain, kind: str = ..., **options: Unpack[OptionsGiven]) -> int: ...
@overload
def count_regions(
    network: Network, domain: Sequence[Domain], kind: str = ..., **options: Unpack[OptionsGiven]
) -> npt.NDArray[np.int64]: ...
def count_regions(
    network: Network,
    domain: Domain | Sequence[Domain],
    kind: str = "activation",
    *,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
    executor: Executor | Client | None = None,
    certify: bool = False,
) -> int | npt.NDArray[np.int64]:
    """Count the linear regions of a network in a domain, exactly, without keeping their geometry.

    Parameters
    ----------
    network : Network
    domain : Segment, Ray, Line, Path, PlaneWindow, Box, Polytope or a list of them
    kind : {"activation", "linear", "gradient"}
        Regions of constant pattern; these joined where no good neuron switches; or pieces of the complement of the
        paper's B_N, joined where the gradient does not jump (see `partition`). "gradient" is decided exactly for the
        floats given, and takes two to three times as long as "linear".
    tolerances, threads, progress, memory_limit, executor, certify
        As in `partition`. Without a limit, memory does not grow with the number of regions of a window, unless it is
        to be certified: its regions are kept while they are proved.

    Returns
    -------
    int, or ndarray of int64 for a list of domains

    Raises
    ------
    InvalidTypeError, InvalidValueError, NumericalError, MemoryLimitError
        As in `partition`.

    Warns
    -----
    UndecidedWarning
        If some decisions lay within the rounding of float64, once for all domains: ``diagnostics["undecided"]`` of
        their partitions.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.Network.from_layers([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], [0.0])])
    >>> lr.count_regions(net, lr.Segment([-1.0], [2.0]))
    3
    >>> net = lr.Network.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])  # relu(x) - relu(-x)
    >>> [lr.count_regions(net, lr.Line([0.0], [1.0]), kind) for kind in ("activation", "linear", "gradient")]
    [2, 2, 1]
    """
    options = Options.checked("count_regions", tolerances, threads, progress, memory_limit, executor, certify)
    model, domains, batch = _checked(network, domain, options)
    wanted = as_choice(kind, "kind", "count_regions", KINDS)
    counts, undecided = np.zeros(len(domains), dtype=np.int64), 0
    lines = [k for k, entry in enumerate(domains) if not isinstance(entry, PlaneWindow | Box | Polytope)]
    if lines:
        chosen: list[Any] = [domains[k] for k in lines]
        counts[lines], doubts = count_lines(model, chosen, wanted, options)
        undecided += int(doubts.sum())
    for k, entry in enumerate(domains):
        if isinstance(entry, PlaneWindow):
            counts[k], found = count_plane(model, entry, wanted, options)
            undecided += found
        elif isinstance(entry, Box | Polytope):
            counts[k], found = count_box(model, entry, wanted, options)
            undecided += found
    warn_of_undecided(undecided)
    return counts if batch else int(counts[0])
