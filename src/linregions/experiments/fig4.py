"""Figure 4: the graph of a network with one input and one output at initialisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions.domains import Line
from linregions.experiments.context import Context, Measurement
from linregions.experiments.saved import Saved
from linregions.network import random_network
from linregions.partition import partition
from linregions.plotting import plot_line

NAME = "fig4"
NEEDS = ("plot",)


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
    """

    hidden: tuple[int, ...] = (64, 64, 64)
    bias_variance: float = 1e-6
    shares: tuple[float, ...] = (1.0, 0.9, 0.5)


QUICK = Settings()
FULL = Settings(hidden=(256, 256, 256))


def measure(settings: Settings, context: Context) -> Measurement:
    """Find all breakpoints on the whole input axis."""
    network = random_network(
        [1, *settings.hidden, 1], np.random.default_rng(context.seed), bias_variance=settings.bias_variance
    )
    part = partition(network, Line([0.0], [1.0]))
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
    return Measurement(rows, arrays, {"partition": part})


def _view(breakpoints: Any, share: float) -> tuple[float, float]:
    low, high = np.quantile(breakpoints, [(1 - share) / 2, (1 + share) / 2])
    margin = 0.08 * (high - low)
    return float(low - margin), float(high + margin)


def draw(saved: Saved) -> Any:
    """Draw the graph in several views, each the grey part of the one before."""
    from matplotlib.figure import Figure

    part = saved.line("partition")
    views = [(row["from"], row["to"]) for row in saved.rows]
    figure = Figure(figsize=(4.2 * len(views), 3.7), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(views)))
    for k, (view, ax, entry) in enumerate(zip(views, axes, saved.rows, strict=True)):
        plot_line(part, ax, interval=view)
        ax.ticklabel_format(style="sci", scilimits=(-2, 3), useMathText=True)
        ax.set_xlabel("input")
        if k:
            ax.set_ylabel("")
        if k + 1 < len(views):
            ax.axvspan(*views[k + 1], color="0.88", zorder=0, linewidth=0)
        share = entry["share_of_breakpoints"]
        which = "all breakpoints" if share == 1 else f"the middle {share:.0%} of them"
        ax.set_title(f"{which}: {entry['regions']:,} regions", fontsize="medium", pad=16)
    return figure
