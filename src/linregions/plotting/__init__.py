"""Draw results on given axes; nothing is computed here but colours."""

from linregions.plotting.colors import gradient_colors, pattern_colors
from linregions.plotting.curves import Look, looks, plot_curve, plot_histogram
from linregions.plotting.figures import distance_figure, line_figure, plane_figure
from linregions.plotting.keys import class_handles, explain_colors, newest_layer_handles
from linregions.plotting.lines import LineArtists, plot_line
from linregions.plotting.marks import layer_handles, plot_gradient_key, plot_points, plot_scale_bar
from linregions.plotting.planes import PlaneArtists, plot_layers, plot_plane
from linregions.plotting.region_colors import COLOR_BY
from linregions.plotting.saving import FORMATS, save_figure
from linregions.plotting.solids import plot_cells, plot_surface
from linregions.plotting.statistics import plot_statistics
from linregions.plotting.streams import plot_stream

__all__ = [
    "COLOR_BY",
    "FORMATS",
    "LineArtists",
    "Look",
    "PlaneArtists",
    "class_handles",
    "distance_figure",
    "explain_colors",
    "gradient_colors",
    "layer_handles",
    "line_figure",
    "looks",
    "newest_layer_handles",
    "pattern_colors",
    "plane_figure",
    "plot_cells",
    "plot_curve",
    "plot_gradient_key",
    "plot_histogram",
    "plot_layers",
    "plot_line",
    "plot_plane",
    "plot_points",
    "plot_scale_bar",
    "plot_statistics",
    "plot_stream",
    "plot_surface",
    "save_figure",
]
