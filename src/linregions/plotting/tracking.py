"""Curves of what a tracker recorded, and a figure that follows a training."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from linregions._support.files import as_path, replacing
from linregions._support.tables import writable_folder
from linregions._support.validation import FloatArray
from linregions.errors import InvalidValueError
from linregions.plotting.colors import OUTPUT_COLORS
from linregions.plotting.style import matplotlib_module

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
_WHO = "tracking figure"
_BANDS = ("_stderr", "_low", "_high")
_DIVERGED = "#D55E00"
_MARKED = 80  # with more records than this, dots would be a thick line


@dataclass(frozen=True)
class Panel:
    """How the numbers of one probe are drawn.

    Parameters
    ----------
    name : str
        Of the probe; its columns begin with it and a slash.
    label : str
        Of the vertical axis; the name by default.
    keys : tuple of str
        Which numbers; all by default. A band is drawn around ``k`` where there is ``k_stderr``, or ``k_low`` and
        ``k_high``.
    log : bool
        Whether the vertical axis is logarithmic; zeros and infinities are then not shown.
    per_neuron : str
        A number that is the first one over the number of neurons: it gets the axis on the right.
    band : str
        What the band from low to high is, for the legend.
    """

    name: str
    label: str = ""
    keys: tuple[str, ...] = ()
    log: bool = False
    per_neuron: str = ""
    band: str = "low to high"


@dataclass(frozen=True)
class PanelArtists:
    """What `plot_panel` put on the axes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curves : dict of matplotlib.lines.Line2D
        By key.
    bands : dict of matplotlib.collections.PolyCollection
        By key, where there is one.
    gaps : list of matplotlib.lines.Line2D
        Vertical marks at records without a measurement.
    """

    axes: Any
    curves: dict[str, Any]
    bands: dict[str, Any]
    gaps: list[Any]


def plot_panel(panel: Panel, rows: Sequence[Row], ax: Axes, *, x: str = "step") -> PanelArtists:
    """Draw the numbers of one probe against time; records without a measurement are marked.

    Parameters
    ----------
    panel : Panel
    rows : sequence of mapping
        As in `Tracker.rows`, or read again from its CSV file.
    ax : matplotlib.axes.Axes
    x : {"step", "epoch"}
        What runs to the right.

    Returns
    -------
    PanelArtists

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> rows = [{"step": k, "status": "ok", "mine/value": k * k} for k in range(3)]
    >>> plot_panel(Panel("mine"), rows, Figure().subplots()).curves["value"].get_ydata().tolist()
    [0.0, 1.0, 4.0]
    """
    prefix = f"{panel.name}/"
    found = list(dict.fromkeys(key[len(prefix) :] for row in rows for key in row if key.startswith(prefix)))
    keys = [key for key in panel.keys or found if key in found and not _is_band(key, found)]
    time = _column(rows, x)
    curves, bands = {}, {}
    for k, key in enumerate(keys):
        color = OUTPUT_COLORS[k % len(OUTPUT_COLORS)]
        values = _shown(_column(rows, prefix + key), panel.log)
        (curves[key],) = ax.plot(
            time,
            values,
            "-" if k % 2 == 0 else "--",
            color=color,
            marker="o" if len(rows) <= _MARKED else "",
            markersize=2.5,
            linewidth=1.3,
            label=key,
            zorder=3,
        )
        low, high = _band(rows, prefix + key, values, panel.log)
        if low is not None and high is not None:
            label = "± standard error" if f"{key}_stderr" in found else panel.band
            bands[key] = ax.fill_between(time, low, high, color=color, alpha=0.22, linewidth=0, label=label)
    gaps = [
        ax.axvline(t, color=_DIVERGED, linewidth=1.0, linestyle=":", label="not measured" if k == 0 else None)
        for k, t in enumerate(time[[row.get("status", "ok") != "ok" for row in rows]])
    ]
    if panel.log:
        ax.set_yscale("log")
    ax.set_ylabel(panel.label or panel.name)
    ax.grid(visible=True, color="#dddddd", linewidth=0.5)
    ax.set_axisbelow(True)
    if len(curves) + len(bands) + bool(gaps) > 1:
        ax.legend(fontsize="x-small", frameon=False, loc="best")
    if panel.per_neuron and keys:
        _per_neuron_axis(panel, rows, prefix + keys[0], ax)
    return PanelArtists(ax, curves, bands, gaps)


def draw_tracking(figure: Figure, panels: Sequence[Panel], rows: Sequence[Row]) -> list[PanelArtists]:
    """Fill a figure, cleared first, with one panel below the other, all over the same time (`time_column`)."""
    figure.clear()
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    x = time_column(rows)
    drawn = [plot_panel(panel, rows, ax, x=x) for panel, ax in zip(panels, axes, strict=True)]
    axes[-1].set_xlabel(x)
    figure.align_ylabels(axes)
    return drawn


def time_column(rows: Sequence[Row]) -> str:
    """Return what is to run to the right: ``"epoch"`` where all rows have one, otherwise ``"step"``."""
    return "epoch" if rows and np.isfinite(_column(rows, "epoch")).all() else "step"


def tracking_figure(panels: Sequence[Panel], rows: Sequence[Row], ax: Any = None) -> Figure:
    """Draw what a tracker recorded, on axes, one for each panel, or on a new figure that is not known to pyplot."""
    figure: Figure
    if ax is not None:
        axes = list(np.atleast_1d(np.asarray(ax, dtype=object)).ravel())
        if len(axes) != len(panels):
            raise InvalidValueError(
                f"`ax` has {len(axes)} entries for {len(panels)} probes, but Tracker.figure needs one for each. "
                "Give as many, or choose probes by `names`."
            )
        for panel, one in zip(panels, axes, strict=True):
            plot_panel(panel, rows, one, x=time_column(rows))
            one.set_xlabel(time_column(rows))
        figure = axes[0].figure
        return figure
    module = matplotlib_module("matplotlib.figure", _WHO)
    figure = module.Figure(figsize=_size(panels), layout="constrained")
    draw_tracking(figure, panels, rows)
    return figure


class LiveFigure:
    """A figure that is drawn again as a training goes on: in a notebook, in a window, or as a PNG file.

    It is drawn at `every` so many records, by default as often as `share`, the time that drawing may take for each
    second, allows. The rest is as in `Tracker.live`.
    """

    def __init__(
        self,
        panels: Sequence[Panel],
        path: str | os.PathLike[str] | None = None,
        *,
        every: int | None = None,
        share: float = 0.05,
    ) -> None:
        module = matplotlib_module("matplotlib.figure", _WHO)
        self.panels = tuple(panels)
        self.path: Path | None = None
        if path is not None:
            self.path = as_path(path, "path", "Tracker.live")
            writable_folder(self.path.parent, "Tracker.live", "path")
        self.figure: Any = None
        self.where = "notebook" if _in_notebook() else "file"
        if self.where == "file":
            self.figure = _window(_size(self.panels))
            self.where = "window" if self.figure is not None else "file"
        if self.where == "file" and self.path is None:
            raise InvalidValueError(
                "`path` is None without a notebook or a matplotlib window, but Tracker.live needs a place to draw. "
                "Give the name of a PNG file."
            )
        if self.figure is None:
            self.figure = module.Figure(figsize=_size(self.panels), layout="constrained")
        self.drawn = False
        self._every, self._share = every, share
        self._cost, self._last = 0.0, 0.0
        self._handle: Any = None

    def due(self, count: int) -> bool:
        """Return whether it is time to draw, with `count` records, the newest included."""
        if self._every is not None:
            return (count - 1) % self._every == 0
        return not self.drawn or perf_counter() - self._last >= self._cost / self._share

    def draw(self, rows: Sequence[Row]) -> None:
        """Draw all rows."""
        start = perf_counter()
        self._draw(rows)
        self._last = perf_counter()
        self._cost, self.drawn = self._last - start, True

    def _draw(self, rows: Sequence[Row]) -> None:
        draw_tracking(self.figure, self.panels, rows)
        if self.where == "window" and not self._refresh_window():
            self.where = "closed"
        if self.path is None and self.where != "notebook":
            return
        picture = io.BytesIO()
        self.figure.savefig(picture, format="png", dpi=110)
        if self.path is not None:
            with replacing(self.path, "Tracker.live") as temporary:
                temporary.write_bytes(picture.getvalue())
        if self.where == "notebook":
            self._show_in_notebook(picture.getvalue())

    def _refresh_window(self) -> bool:
        """Redraw the window; return whether it is still open."""
        pyplot = importlib.import_module("matplotlib.pyplot")
        if not pyplot.fignum_exists(self.figure.number):
            return False
        self.figure.canvas.draw_idle()
        self.figure.canvas.flush_events()
        return True

    def _show_in_notebook(self, png: bytes) -> None:
        display = importlib.import_module("IPython.display")
        image = display.Image(data=png, format="png")
        if self._handle is None:
            self._handle = display.display(image, display_id=True)
        else:
            self._handle.update(image)


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel; IPython is not imported for that."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _window(size: tuple[float, float]) -> Any:
    """Return a figure in a window of its own, or None where matplotlib has none to offer."""
    pyplot = importlib.import_module("matplotlib.pyplot")
    figure = pyplot.figure(figsize=size, layout="constrained")
    if getattr(figure.canvas, "required_interactive_framework", None) is None:
        pyplot.close(figure)
        return None
    pyplot.show(block=False)
    return figure


def _size(panels: Sequence[Panel]) -> tuple[float, float]:
    return 7.0, 0.6 + 2.3 * len(panels)


def _column(rows: Sequence[Row], key: str) -> FloatArray:
    return np.array([float(row.get(key, np.nan)) for row in rows], dtype=np.float64)


def _shown(values: FloatArray, log: bool) -> FloatArray:
    """Return the values with NaN where they cannot be drawn."""
    return np.where(np.isfinite(values) & ((values > 0) | (not log)), values, np.nan)


def _is_band(key: str, found: Sequence[str]) -> bool:
    return any(key.endswith(ending) and key.removesuffix(ending) in found for ending in _BANDS)


def _band(
    rows: Sequence[Row], column: str, values: FloatArray, log: bool
) -> tuple[FloatArray | None, FloatArray | None]:
    error, low, high = (_column(rows, column + ending) for ending in _BANDS)
    if np.isfinite(error).any():
        low, high = values - error, values + error
    low, high = _shown(low, log), _shown(high, log)
    return (low, high) if np.isfinite(low + high).any() else (None, None)


def _per_neuron_axis(panel: Panel, rows: Sequence[Row], column: str, ax: Axes) -> None:
    """Put an axis on the right that counts in neurons; one factor for all rows, since the network keeps its size."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = _column(rows, column) / _column(rows, f"{panel.name}/{panel.per_neuron}")
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    if known.size:
        neurons = float(known[0])

        def to_right(y: FloatArray) -> FloatArray:
            return y / neurons

        def to_left(y: FloatArray) -> FloatArray:
            return y * neurons

        right = ax.secondary_yaxis("right", functions=(to_right, to_left))  # type: ignore[arg-type]
        right.set_ylabel("per neuron")
