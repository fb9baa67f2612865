"""Figure 4: the graph of a network with one input and one output at initialisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions.domains.windows import Line
from linregions.experiments.context import Context, Measurement
from linregions.experiments.counting import Counting
from linregions.experiments.saved import Saved
from linregions.experiments.summary import columns_of, over_runs
from linregions.networks.random import random_network
from linregions.plotting import plot_line

NAME = "fig4"
NEEDS = ("plot",)
_COUNTS = ("regions_per_neuron", "linear_regions_per_neuron")


@dataclass(frozen=True)
class Settings:
    """A random network, as the paper draws it, and which part of its breakpoints each panel shows.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    bias_variance : float
        Of the normal biases; with 1e-6 most breakpoints lie within some thousandths of 0.
    shares : tuple of float
        Share of the breakpoints, around their median, that is in view.
    others : tuple of tuple of int
        Hidden widths of further networks, of which regions on the whole axis are counted.
    draws : int
        How many of each are drawn at random.
    """

    hidden: tuple[int, ...] = (64, 64, 64)
    bias_variance: float = 1e-6
    shares: tuple[float, ...] = (1.0, 0.9, 0.5)
    others: tuple[tuple[int, ...], ...] = ((48,), (16,) * 3, (96,), (32,) * 3, (192,), (96,) * 2, (64,) * 3, (32,) * 6)
    draws: int = 100


QUICK = Settings()
FULL = Settings(draws=1000)


def measure(settings: Settings, context: Context) -> Measurement:
    """Find all breakpoints on the whole input axis."""
    rng = np.random.default_rng(context.seed)
    network = random_network([1, *settings.hidden, 1], rng, bias_variance=settings.bias_variance)
    part = context.counting.partition(network, Line([0.0], [1.0]))
    values = network(part.domain.point(part.breakpoints))[:, 0]
    views = [_view(part.breakpoints, share) for share in settings.shares]
    rows = []
    for share, (low, high) in zip(settings.shares, views, strict=True):
        inside = (part.breakpoints > low) & (part.breakpoints < high)
        linear = int(np.count_nonzero(part.is_linear_boundary & inside)) + 1
        rows.append(
            {
                "share_of_breakpoints": share,
                "from": low,
                "to": high,
                "regions": int(np.count_nonzero(inside)) + 1,
                "linear_regions": linear,
                "regions_per_neuron": (int(np.count_nonzero(inside)) + 1) / network.n_neurons,
            }
        )
    arrays = {"x": part.breakpoints, "value": values, "neuron": part.neurons, "slope": part.slopes[:, 0]}
    drawn = [row for hidden in settings.others for row in _many(hidden, settings, context.counting, rng)]
    tables = {"initialisation": over_runs(drawn, ("architecture", "neurons"), _COUNTS)} if drawn else {}
    return Measurement(rows, arrays, {"partition": part}, tables)


def _many(
    hidden: tuple[int, ...], settings: Settings, counting: Counting, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Count the regions on the whole axis of many networks with the same widths."""
    rows = []
    for _ in range(settings.draws):
        network = random_network([1, *hidden, 1], rng, bias_variance=settings.bias_variance)
        counts = counting.counts(network, Line([0.0], [1.0]))
        entries = dict(zip(_COUNTS, [count / network.n_neurons for count in counts], strict=True))
        rows.append({"architecture": str(list(hidden)), "neurons": network.n_neurons} | entries)
    return rows


def _view(breakpoints: Any, share: float) -> tuple[float, float]:
    low, high = np.quantile(breakpoints, [(1 - share) / 2, (1 + share) / 2])
    margin = 0.08 * (high - low)
    return float(low - margin), float(high + margin)


def draw(saved: Saved) -> Any:
    """Draw the graph in several views, each the grey part of the one before, and counts of many networks."""
    from matplotlib.figure import Figure

    part = saved.line("partition")
    views = [(row["from"], row["to"]) for row in saved.rows]
    panels = len(views) + bool(saved.tables)
    figure = Figure(figsize=(4.6 * min(panels, 2), 3.7 * -(-panels // 2)), layout="constrained")
    axes = figure.subplots(-(-panels // 2), min(panels, 2), squeeze=False).ravel()
    for k, (view, ax, entry) in enumerate(zip(views, axes, saved.rows, strict=False)):
        plot_line(part, ax, interval=view)
        ax.ticklabel_format(style="sci", scilimits=(-2, 3), useMathText=True)
        ax.set_xlabel("input")
        if k + 1 < len(views):
            ax.axvspan(*views[k + 1], color="0.88", zorder=0, linewidth=0)
        share = entry["share_of_breakpoints"]
        which = "all breakpoints" if share == 1 else f"the middle {share:.0%} of them"
        ax.set_title(f"{which}: {entry['regions']:,} regions", fontsize="medium", pad=16)
    for ax in axes[panels:]:
        ax.set_axis_off()
    if saved.tables:
        _draw_initialisation(saved.table("initialisation"), axes[len(views)])
    return figure


def _draw_initialisation(rows: list[dict[str, Any]], ax: Any) -> None:
    """Draw linear regions per neuron of many random networks of each architecture."""
    mean, error = columns_of(rows, _COUNTS[1], f"{_COUNTS[1]}_stderr")
    at = np.arange(len(rows))
    ax.errorbar(mean, at, xerr=2 * error, fmt="o", color="#0072B2", markersize=5, capsize=3)
    ax.axvline(1.0, color="0.6", linewidth=1, zorder=0)
    ax.set_yticks(at, [_in_words(row["architecture"]) for row in rows], fontsize="small")
    ax.invert_yaxis()
    ax.set_xlim(0.8, max(1.2, 1.1 * float(mean.max())))
    ax.set_xlabel("linear regions on the whole axis, per neuron")
    ax.set_title(f"{rows[0]['runs']:,} networks each: mean, two standard errors", fontsize="medium")


def _in_words(architecture: str) -> str:
    """Return a shorter name where all layers are alike, to leave room for the picture."""
    widths = architecture.strip("[]").split(", ")
    if len(set(widths)) > 1:
        return architecture
    return f"{len(widths)} layer{'s' * (len(widths) > 1)} of {widths[0]}"
