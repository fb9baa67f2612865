"""Draw results on given axes; nothing is computed here but colours."""

from linregions.plotting.colors import gradient_colors, pattern_colors
from linregions.plotting.curves import Look, looks, plot_curve, plot_histogram
from linregions.plotting.figures import distance_figure, explain_colors, line_figure, plane_figure
from linregions.plotting.lines import LineArtists, plot_line
from linregions.plotting.marks import layer_handles, plot_gradient_key, plot_points, plot_scale_bar
from linregions.plotting.planes import COLOR_BY, PlaneArtists, plot_layers, plot_plane
from linregions.plotting.saving import FORMATS, save_figure

__all__ = [
    "COLOR_BY",
    "FORMATS",
    "LineArtists",
    "Look",
    "PlaneArtists",
    "distance_figure",
    "explain_colors",
    "gradient_colors",
    "layer_handles",
    "line_figure",
    "looks",
    "pattern_colors",
    "plane_figure",
    "plot_curve",
    "plot_gradient_key",
    "plot_histogram",
    "plot_layers",
    "plot_line",
    "plot_plane",
    "plot_points",
    "plot_scale_bar",
    "save_figure",
]
