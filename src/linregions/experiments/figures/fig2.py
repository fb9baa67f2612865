"""Figure 2: the boundaries of a network with two inputs, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions.domains.windows import PlaneWindow
from linregions.experiments.context import Context, Measurement
from linregions.experiments.saved import Saved
from linregions.networks.network import Network
from linregions.networks.random import random_network
from linregions.plotting import layer_handles, plot_gradient_key, plot_layers, plot_plane

NAME = "fig2"
NEEDS = ("plot",)


@dataclass(frozen=True)
class Settings:
    """A random network and where it is looked at.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    bias_variance : float
        Larger than the paper's 1e-6, with which all lines of the first layer would seem to meet in one point.
    half : float
        Half the side of the square around the origin.
    """

    hidden: tuple[int, ...] = (12, 12, 12)
    bias_variance: float = 0.25
    half: float = 2.0


QUICK = Settings()
FULL = Settings(hidden=(24, 24, 24))


def first_layers(network: Network, n_hidden: int) -> Network:
    """Return the network cut after some hidden layers, with the step that follows them as its output."""
    steps = network.layers[: n_hidden + 1]
    return Network.from_layers([(step.weight, step.bias) for step in steps], network.activations[:n_hidden])


def measure(settings: Settings, context: Context) -> Measurement:
    """Cut the square by one, two, ... layers."""
    network = random_network(
        [2, *settings.hidden, 1], np.random.default_rng(context.seed), bias_variance=settings.bias_variance
    )
    window = PlaneWindow.of_inputs([-settings.half] * 2, [settings.half] * 2)
    parts = [context.counting.partition(first_layers(network, k), window) for k in range(1, len(settings.hidden) + 1)]
    rows = [
        {
            "hidden_layers": k,
            "neurons": part.network.n_neurons,
            "regions": part.n_regions,
            "linear_regions": part.n_linear_regions,
            "vertices": len(part.vertices),
            "edges": len(part.edges),
            "boundary_length": part.boundary_length,
        }
        for k, part in enumerate(parts, start=1)
    ]
    arrays = {key: np.array([entry[key] for entry in rows]) for key in rows[0]}
    return Measurement(rows, arrays, {f"layers-{k}": p for k, p in enumerate(parts, start=1)})


def draw(saved: Saved) -> Any:
    """Draw one panel for each layer, and one with the linear function on each region."""
    from matplotlib.figure import Figure

    parts = [saved.plane(f"layers-{row['hidden_layers']}") for row in saved.rows]
    figure = Figure(figsize=(3.4 * (len(parts) + 1), 4.2), layout="constrained")
    axes = figure.subplots(1, len(parts) + 1, sharey=True)
    for k, (part, ax) in enumerate(zip(parts, axes[:-1], strict=True)):
        plot_layers(part, ax, newest=k, legend=False)
        ax.set_title(f"{'layer 1' if k == 0 else f'+ layer {k + 1}'}:  {part.n_regions:,} regions", fontsize="medium")
        if k:
            ax.set_ylabel("")
    plot_plane(parts[-1], axes[-1], output=0)
    axes[-1].set_ylabel("")
    axes[-1].set_title("a linear function on each region\n(colour: uphill direction)", fontsize="medium")
    key = axes[-1].inset_axes((0.77, 0.02, 0.21, 0.21), zorder=9)
    plot_gradient_key(key, title="")
    handles = layer_handles(len(parts))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return figure
