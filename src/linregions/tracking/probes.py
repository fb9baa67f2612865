"""What a tracker measures: each probe turns a network into a few named numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from linregions._support.shown import Shown
from linregions._support.validation import (
    FloatArray,
    as_choice,
    as_float_array,
    as_generator,
    as_integer,
    as_rows,
    frozen,
)
from linregions.domains.windows import Line, LineDomain, Path, PlaneWindow, Ray, Segment
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.measures.distances.distance import boundary_distance
from linregions.networks.network import Network
from linregions.regions.kinds import KINDS
from linregions.regions.partition import count_regions

if TYPE_CHECKING:
    from linregions.plotting.tracking import Panel


@runtime_checkable
class Probe(Protocol):
    """The interface of a probe; any object with these two can be given to a `Tracker`.

    A probe may also have a property ``panel`` (`plotting.tracking.Panel`) that says how to draw it; without one,
    every number is a curve of its own. A key ``k`` is drawn with a band where the probe also gives
    ``k_stderr``, or ``k_low`` and ``k_high``.

    Attributes
    ----------
    name : str
        Goes before its numbers in the table: ``"lines/regions"``. Probes of one tracker have different names.
    """

    @property
    def name(self) -> str:
        """What stands before the slash in the columns of the table."""

    def measure(self, network: Network) -> Mapping[str, float]:
        """Return the numbers of one record by name, the same names each time.

        Parameters
        ----------
        network : Network
            The module at this moment, in float64.
        """


@dataclass(frozen=True, eq=False, repr=False)
class LineProbe(Shown):
    """Count regions on lines.

    Parameters
    ----------
    lines : sequence of Segment, Ray, Line or Path
        At least one; all in the network's input space.
    kind : {"activation", "linear", "gradient"}
        Which regions, as in `count_regions`.
    name : str
        By default ``"lines"``, or ``"lines_linear"`` and ``"lines_gradient"`` for the other kinds.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If there is no line, or something else than a line.

    Notes
    -----
    Gives ``regions``, the mean over the lines; ``regions_stderr``, its standard error, if there are two lines
    or more; ``regions_per_neuron``. 20 lines on a net of 3 x 64 neurons take about 10 ms.

    References
    ----------
    Hanin & Rolnick (2019), section 3.1, figure 5.

    Examples
    --------
    >>> import linregions as lr
    >>> probe = lr.LineProbe([lr.Line([0.0, 0.0], [1.0, 1.0]), lr.Line([0.0, 0.0], [1.0, -1.0])])
    >>> sorted(probe.measure(lr.random_network([2, 8, 1], 0)))
    ['regions', 'regions_per_neuron', 'regions_stderr']
    """

    lines: Sequence[LineDomain]
    kind: str = "activation"
    name: str = ""

    def __post_init__(self) -> None:
        who = "LineProbe"
        lines = (self.lines,) if isinstance(self.lines, Segment | Ray | Path) else tuple(self.lines)
        if not lines:
            raise InvalidValueError(
                f"`lines` is empty, but {who} needs at least one line. Give e.g. `[lr.Line(0 * x, x)]`."
            )
        for k, line in enumerate(lines):
            if not isinstance(line, Segment | Ray | Path):
                raise InvalidTypeError(
                    f"`lines[{k}]` is {type(line).__name__}, but {who} needs a Segment, Ray, Line or Path. "
                    "Build one from points of the input space."
                )
        object.__setattr__(self, "lines", lines)
        object.__setattr__(self, "name", _name_with_kind(self.name, "lines", self.kind, who))

    @property
    def panel(self) -> Panel:
        """How to draw it."""
        from linregions.plotting.tracking import Panel

        return Panel(self.name, f"{self.kind} regions\non a line", ("regions",), per_neuron="regions_per_neuron")

    def measure(self, network: Network) -> dict[str, float]:
        """Return mean, standard error and mean per neuron of the number of regions on a line."""
        counts = count_regions(network, list(self.lines), self.kind)
        mean = float(counts.mean())
        found = {"regions": mean}
        if counts.size > 1:
            found["regions_stderr"] = float(counts.std(ddof=1) / np.sqrt(counts.size))
        return {**found, "regions_per_neuron": _ratio(mean, network.n_neurons)}


@dataclass(frozen=True, eq=False, repr=False)
class DistanceProbe(Shown):
    """Measure how far points are from the nearest boundary.

    Parameters
    ----------
    points : array_like, shape (N, n_in)
        In the units of the input space; images are flattened.
    name : str
        By default ``"distance"``.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If there are no points, or they hold NaN or infinity.

    Notes
    -----
    Gives ``mean`` over the points that have a boundary at a finite distance; ``mean_times_neurons``, which the
    paper finds between 0.4 and 1.5; ``median``, ``median_low`` and ``median_high``, the quantiles 0.5, 0.1 and
    0.9; and ``unbounded``, the share of points without any boundary. 500 points on a net of 784 inputs and
    3 x 64 neurons take about 10 ms.

    References
    ----------
    Hanin & Rolnick (2019), section 3.2, figures 6 and 7.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.Network.from_layers([([[3.0, 4.0]], [-5.0]), ([[1.0]], [0.0])])
    >>> lr.DistanceProbe([[0.0, 0.0]]).measure(net)["mean"]
    1.0
    """

    points: npt.ArrayLike
    name: str = ""

    def __post_init__(self) -> None:
        who = "DistanceProbe"
        points = as_rows(self.points, "points", who)
        if points.size == 0:
            raise InvalidValueError(
                f"`points` has shape {points.shape} and holds no point, but {who} needs at least one. "
                "Give at least one point."
            )
        object.__setattr__(self, "points", frozen(points))
        object.__setattr__(self, "name", _name(self.name, "distance", who))

    @property
    def panel(self) -> Panel:
        """How to draw it."""
        from linregions.plotting.tracking import Panel

        shown = ("median", "mean")
        return Panel(self.name, "distance to the\nnearest boundary", shown, log=True, band="10 to 90 % of points")

    def measure(self, network: Network) -> dict[str, float]:
        """Return mean and quantiles of the distance."""
        distances = boundary_distance(network, self.points)
        finite = distances[np.isfinite(distances)]
        mean = float(finite.mean()) if finite.size else np.inf
        # Order statistics, since an interpolation between infinite distances would be NaN.
        low, median, high = np.quantile(distances, (0.1, 0.5, 0.9), method="inverted_cdf").tolist()
        return {
            "mean": mean,
            "mean_times_neurons": mean * network.n_neurons if finite.size else np.inf,
            "median": median,
            "median_low": low,
            "median_high": high,
            "unbounded": 1.0 - finite.size / distances.size,
        }


@dataclass(frozen=True, eq=False, repr=False)
class PlaneProbe(Shown):
    """Count regions in a window of a plane.

    Parameters
    ----------
    window : PlaneWindow
        In the network's input space.
    kind : {"activation", "linear", "gradient"}
        Which regions, as in `count_regions`.
    name : str
        By default ``"plane"``, or ``"plane_linear"`` and ``"plane_gradient"`` for the other kinds.

    Raises
    ------
    InvalidTypeError
        If `window` is no PlaneWindow.

    Notes
    -----
    Gives ``regions`` and ``regions_per_neuron_squared``. Its cost grows with the number of regions: about
    10 ms for 3,000 of them.

    References
    ----------
    Hanin & Rolnick (2019), section 3, figure 8.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.Network.from_layers([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> lr.PlaneProbe(lr.PlaneWindow.of_inputs([-1, -1], [1, 1])).measure(net)
    {'regions': 4.0, 'regions_per_neuron_squared': 1.0}
    """

    window: PlaneWindow
    kind: str = "activation"
    name: str = ""

    def __post_init__(self) -> None:
        who = "PlaneProbe"
        if not isinstance(self.window, PlaneWindow):
            raise InvalidTypeError(
                f"`window` is {type(self.window).__name__}, but {who} needs a PlaneWindow. "
                "Build one, e.g. with `PlaneWindow.through(x0, x1, x2)`."
            )
        object.__setattr__(self, "name", _name_with_kind(self.name, "plane", self.kind, who))

    @property
    def panel(self) -> Panel:
        """How to draw it."""
        from linregions.plotting.tracking import Panel

        return Panel(self.name, f"{self.kind} regions\nin the plane", ("regions",))

    def measure(self, network: Network) -> dict[str, float]:
        """Return the number of regions, and the same over the number of neurons squared."""
        regions = float(count_regions(network, self.window, self.kind))
        return {"regions": regions, "regions_per_neuron_squared": _ratio(regions, network.n_neurons**2)}


def default_probes(
    x: npt.ArrayLike, rng: np.random.Generator | int, *, lines: int = 20, points: int = 500
) -> list[LineProbe | DistanceProbe]:
    """Choose cheap probes from data: infinite lines through the origin and examples, and distances at examples.

    Parameters
    ----------
    x : array_like or torch.Tensor, shape (N, ...)
        Examples as the network sees them, scaled likewise; each is flattened.
    rng : numpy.random.Generator or int
        Source of the choice, or a seed.
    lines : int
        How many lines; fewer where there are not as many examples that are not zero.
    points : int
        How many points; all examples where there are not as many.

    Returns
    -------
    list of LineProbe and DistanceProbe
        Activation regions on the lines; distances at the points.

    Raises
    ------
    InvalidValueError
        If `x` holds fewer than two axes, NaN, or nothing but zeros.

    References
    ----------
    Hanin & Rolnick (2019), figures 5 and 6.

    Examples
    --------
    >>> import numpy as np
    >>> import linregions as lr
    >>> lines, distance = lr.default_probes(np.eye(4).reshape(4, 2, 2), rng=0)
    >>> len(lines.lines), distance.points.shape
    (4, (4, 4))
    """
    who = "default_probes"
    n_lines, n_points = as_integer(lines, "lines", who, 1), as_integer(points, "points", who, 1)
    generator = as_generator(rng, "rng", who)
    shape = tuple(getattr(x, "shape", None) or np.shape(x))
    if len(shape) < 2 or 0 in shape:
        raise InvalidValueError(
            f"`x` has shape {shape}, but {who} needs examples, shape (N, ...). Give a batch, e.g. `x[None]` for one."
        )
    # Chosen before they are converted, since a whole data set in float64 may not fit in memory.
    order = generator.permutation(shape[0])
    chosen = _rows(x, order[: max(n_points, 4 * n_lines)], who)
    directions = chosen[np.any(chosen != 0.0, axis=1)][:n_lines]
    if not len(directions):
        raise InvalidValueError(
            f"`x` is zero in all {len(chosen)} examples looked at, but {who} needs directions of lines. "
            "Give examples that are not zero."
        )
    origin = np.zeros(chosen.shape[1])
    return [LineProbe([Line(origin, direction) for direction in directions]), DistanceProbe(chosen[:n_points])]


def checked_probes(probes: Any) -> tuple[Probe, ...]:
    """Return the probes of a tracker, if they are some and have different names."""
    chosen = tuple(probes) if isinstance(probes, Sequence) else (probes,)
    if not chosen:
        raise InvalidValueError(
            "`probes` is empty, but Tracker needs at least one. Give e.g. `lr.default_probes(x, rng)`."
        )
    for k, probe in enumerate(chosen):
        if not isinstance(probe, Probe) or not isinstance(probe.name, str):
            raise InvalidTypeError(
                f"`probes[{k}]` is {type(probe).__name__}, but Tracker needs probes, with a `name` and a method "
                "`measure(network)`. Give e.g. a LineProbe."
            )
    names = [probe.name for probe in chosen]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValueError(
                f"`probes` has {names.count(name)} named {name!r}, but Tracker needs different names. "
                "Give `name=...` to one of them."
            )
    return chosen


def scalars(probe: Probe, network: Network) -> dict[str, float]:
    """Return what a probe measures, by column."""
    row = {}
    for key, value in probe.measure(network).items():
        try:
            row[f"{probe.name}/{key}"] = float(value)
        except (TypeError, ValueError):
            raise InvalidTypeError(
                f"`probes` has {probe.name!r}, whose {key!r} is {type(value).__name__}, but Tracker needs single "
                "numbers. Let `measure` return a dict of floats."
            ) from None
    return row


def _rows(x: Any, rows: npt.NDArray[np.int64], who: str) -> FloatArray:
    taken = x[rows.tolist()] if hasattr(x, "shape") else np.asarray(x)[rows]
    array = as_float_array(taken, "x", who)
    return array.reshape(len(rows), -1)


def _name_with_kind(name: str, default: str, kind: str, who: str) -> str:
    as_choice(kind, "kind", who, KINDS)
    return _name(name, default if kind == "activation" else f"{default}_{kind}", who)


def _name(name: str, default: str, who: str) -> str:
    if not isinstance(name, str):
        raise InvalidTypeError(f"`name` is {type(name).__name__}, but {who} needs a string. Give e.g. {default!r}.")
    return name or default


def _ratio(numerator: float, denominator: int) -> float:
    return numerator / denominator if denominator else float("nan")
