"""Draw results on given axes; nothing is computed here but colours."""

from linregions.plotting.colors import gradient_colors, pattern_colors
from linregions.plotting.lines import LineArtists, plot_line
from linregions.plotting.planes import (
    PlaneArtists,
    layer_handles,
    plot_gradient_key,
    plot_layers,
    plot_plane,
    plot_points,
    plot_scale_bar,
)
from linregions.plotting.saving import FORMATS, save_figure

__all__ = [
    "FORMATS",
    "LineArtists",
    "PlaneArtists",
    "gradient_colors",
    "layer_handles",
    "pattern_colors",
    "plot_gradient_key",
    "plot_layers",
    "plot_line",
    "plot_plane",
    "plot_points",
    "plot_scale_bar",
    "save_figure",
]
