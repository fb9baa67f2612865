"""Partitions of windows as one NPZ file: what is in it, and what is checked when one is read."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from linregions._support.saved_arrays import complex_of
from linregions.networks.switches import breakpoints_of_neurons
from linregions.regions.files import read_result, unpack_window

FORMAT = "linregions-plane-1"
ARRAYS = (
    "vertices",
    "edges",
    "edge_neuron",
    "edge_breakpoint",
    "edge_faces",
    "face_offsets",
    "face_vertices",
    "face_edges",
    "pattern_words",
)


def read_plane(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what makes the partition in a file, by name, checked; see `PlanePartition.load`."""
    saved, network, window = read_result(path, FORMAT, "PlanePartition", "plane partition", unpack_window)
    polygons = complex_of(saved, breakpoints_of_neurons(network))
    n_edges, n_regions = len(polygons["edges"]), len(polygons["face_offsets"]) - 1
    return {
        "network": network,
        "window": window,
        "edge_faces": saved.integers("edge_faces", np.int32, -1, n_regions, n_edges, 2),
        "diagnostics": saved.mapping("diagnostics"),
        **polygons,
    }
