"""The verbs of the library: partition a domain into linear regions, or only count them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from linregions._compilation import announce_compilation
from linregions._validation import as_choice, as_integer
from linregions.domains import Line, LineDomain, Path, PlaneWindow, Ray, Segment
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.lines import LinePartition, count_lines, partition_lines
from linregions.network import Network
from linregions.planes import PlanePartition, count_plane, partition_plane
from linregions.tolerances import DEFAULT_TOLERANCES, Tolerances

Domain = LineDomain | PlaneWindow
_DOMAINS = (Segment, Ray, Line, Path, PlaneWindow)


def _checked(net: Any, domain: Any, tolerances: Any, threads: Any, who: str) -> tuple[list[Domain], bool, int]:
    """Check the arguments that both verbs share; return the domains, whether it is a batch, and threads."""
    if not isinstance(net, Network):
        raise InvalidTypeError(
            f"`net` is {type(net).__name__}, but {who} needs a linregions.Network. "
            "Convert a PyTorch module with `linregions.from_torch`, or load a file with `Network.load`."
        )
    if not isinstance(tolerances, Tolerances):
        raise InvalidTypeError(
            f"`tolerances` is {type(tolerances).__name__}, but {who} needs linregions.Tolerances. "
            "Pass e.g. `Tolerances(relative=1e-12)`."
        )
    count = as_integer(threads, "threads", who, 1)
    batch = isinstance(domain, Sequence) and not isinstance(domain, str)
    domains = list(domain) if batch else [domain]
    if not domains:
        raise InvalidValueError(
            f"`domain` is an empty list, but {who} needs at least one domain. Give a domain or a list of them."
        )
    for k, entry in enumerate(domains):
        name = f"domain[{k}]" if batch else "domain"
        if not isinstance(entry, _DOMAINS):
            raise InvalidTypeError(
                f"`{name}` is {type(entry).__name__}, but {who} needs a Segment, Ray, Line, Path or PlaneWindow. "
                "Build one from points of the input space."
            )
        if entry.n_in != net.n_in:
            raise InvalidValueError(
                f"`{name}` lives in {entry.n_in} dimensions, but {who} needs the network's {net.n_in} inputs. "
                "Give points of the network's input space."
            )
    announce_compilation()
    return domains, batch, count


@overload
def partition(
    net: Network,
    domain: PlaneWindow,
    *,
    tolerances: Tolerances = ...,
    threads: int = ...,
    progress: bool = ...,
) -> PlanePartition: ...
@overload
def partition(
    net: Network,
    domain: LineDomain,
    *,
    tolerances: Tolerances = ...,
    threads: int = ...,
    progress: bool = ...,
) -> LinePartition: ...
@overload
def partition(
    net: Network,
    domain: Sequence[Domain],
    *,
    tolerances: Tolerances = ...,
    threads: int = ...,
    progress: bool = ...,
) -> list[LinePartition | PlanePartition]: ...
def partition(
    net: Network,
    domain: Domain | Sequence[Domain],
    *,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
    threads: int = 1,
    progress: bool = False,
) -> LinePartition | PlanePartition | list[LinePartition | PlanePartition]:
    """Cut a domain into the linear regions of a network, exactly.

    Parameters
    ----------
    net : Network
    domain : Segment, Ray, Line, Path, PlaneWindow or a list of them
        Lines and curves of a list are worked together, which is much faster than one by one.
    tolerances : Tolerances
        How close to zero counts as zero, relative to the magnitudes at hand.
    threads : int
        Number of threads to work with. The result does not depend on it.
    progress : bool
        Show a bar on a terminal.

    Returns
    -------
    LinePartition or PlanePartition, or a list of them for a list of domains

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.
    NumericalError
        If rounding makes the signs of the network contradict one another.

    Notes
    -----
    Two kinds of region are always both there: *activation* regions, where the pattern of all neurons is
    constant (`n_regions`), and *linear* regions, the pieces of the complement of the paper's B_N, across
    whose borders a *good* neuron switches (`n_linear_regions`). Cost grows linearly with the number of regions.

    References
    ----------
    Hanin & Rolnick (2019), sections 2 and 3, eqs. (4), (11), (18).

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
    >>> p = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    >>> p.n_regions == len(p.areas)
    True
    """
    domains, batch, count = _checked(net, domain, tolerances, threads, "partition")
    result: list[Any] = [None] * len(domains)
    lines = [k for k, entry in enumerate(domains) if not isinstance(entry, PlaneWindow)]
    if lines:
        chosen: list[Any] = [domains[k] for k in lines]
        made = partition_lines(net, chosen, tolerances=tolerances, threads=count, progress=progress)
        for k, part in zip(lines, made, strict=True):
            result[k] = part
    for k, entry in enumerate(domains):
        if isinstance(entry, PlaneWindow):
            result[k] = partition_plane(net, entry, tolerances=tolerances, threads=count, progress=progress)
    return result if batch else result[0]


@overload
def count_regions(
    net: Network,
    domain: Domain,
    kind: str = ...,
    *,
    tolerances: Tolerances = ...,
    threads: int = ...,
    progress: bool = ...,
) -> int: ...
@overload
def count_regions(
    net: Network,
    domain: Sequence[Domain],
    kind: str = ...,
    *,
    tolerances: Tolerances = ...,
    threads: int = ...,
    progress: bool = ...,
) -> npt.NDArray[np.int64]: ...
def count_regions(
    net: Network,
    domain: Domain | Sequence[Domain],
    kind: str = "activation",
    *,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
    threads: int = 1,
    progress: bool = False,
) -> int | npt.NDArray[np.int64]:
    """Count the linear regions of a network in a domain, exactly, without keeping their geometry.

    Parameters
    ----------
    net : Network
    domain : Segment, Ray, Line, Path, PlaneWindow or a list of them
    kind : {"activation", "linear"}
        Regions of constant pattern, or pieces of the complement of the paper's B_N (see `partition`).
    tolerances, threads, progress
        As in `partition`.

    Returns
    -------
    int, or ndarray of int64 for a list of domains

    Raises
    ------
    InvalidTypeError, InvalidValueError, NumericalError
        As in `partition`.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.Network.from_layers([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], [0.0])])
    >>> lr.count_regions(net, lr.Segment([-1.0], [2.0]))
    3
    """
    domains, batch, count = _checked(net, domain, tolerances, threads, "count_regions")
    wanted = as_choice(kind, "kind", "count_regions", ("activation", "linear"))
    counts = np.zeros(len(domains), dtype=np.int64)
    lines = [k for k, entry in enumerate(domains) if not isinstance(entry, PlaneWindow)]
    if lines:
        chosen: list[Any] = [domains[k] for k in lines]
        counts[lines] = count_lines(net, chosen, wanted, tolerances=tolerances, threads=count, progress=progress)
    for k, entry in enumerate(domains):
        if isinstance(entry, PlaneWindow):
            counts[k] = count_plane(net, entry, wanted, tolerances=tolerances, threads=count, progress=progress)
    return counts if batch else int(counts[0])
