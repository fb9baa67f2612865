"""What a page holds of a partition of a line: the corners of the graph, and which neuron bends it there."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions.domains.windows import Path, PlaneWindow
from linregions.plotting.colors import OUTPUT_COLORS
from linregions.plotting.explorer.packing import Pack
from linregions.plotting.lines import shown_interval
from linregions.plotting.pictures import LinePicture


def add_line(pack: Pack, name: str, line: LinePicture, window: PlaneWindow | None) -> dict[str, Any]:
    """Add a line's arrays under names that begin with `name`; return what a page says of it.

    With a window the page also draws the line there, as the curve of its points' projections.
    """
    low, high = shown_interval(line, None)
    inside = (line.breakpoints > low) & (line.breakpoints < high)
    breakpoints = line.breakpoints[inside]
    turns = np.arange(np.floor(low) + 1, high) if isinstance(line.domain, Path) else breakpoints[:0]
    t = np.unique(np.concatenate([[low], breakpoints, turns, [high]]))
    neuron = np.zeros(t.size, dtype=np.int64)
    neuron[np.searchsorted(t, breakpoints)] = line.neurons[inside] + 1
    shown = min(line.network.n_out, len(OUTPUT_COLORS))
    pack.add(f"{name}_t", t)
    pack.add(f"{name}_neuron", neuron)
    pack.add(f"{name}_values", line.network(line.domain.point(t))[:, :shown])
    corners = np.unique(np.concatenate([[low], turns, [high]]))
    return {
        "outputs": shown,
        "offsets": [int(k) for k in line.network.neuron_offsets],
        "regions": line.n_regions,
        "linear_regions": line.n_linear_regions,
        "corners": corners.tolist(),
        "curve": [] if window is None else window.coordinates(line.domain.point(corners)).tolist(),
    }
