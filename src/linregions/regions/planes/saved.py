"""Partitions of windows as one NPZ file: how they are written, and what is checked when one is read."""

from __future__ import annotations

import json
import os
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from linregions._support.files import brief, read_npz, write_npz
from linregions._support.saved_arrays import SavedArrays, complex_of
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.networks.network import Network, network_from_arrays, network_to_arrays
from linregions.networks.switches import breakpoints_of_neurons

_FORMAT = "linregions-plane-1"
_WINDOW: dict[str, tuple[int | None, ...]] = {
    "window_origin": (None,),
    "window_basis": (2, None),
    "window_polygon": (None, 2),
}
_ARRAYS = (
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


class _Partition(Protocol):
    """What is written of a plane partition, beside its arrays."""

    @property
    def network(self) -> Network: ...
    @property
    def window(self) -> PlaneWindow: ...
    @property
    def diagnostics(self) -> dict[str, Any]: ...


def write_plane(partition: _Partition, path: str | os.PathLike[str]) -> None:
    """Write a partition, its window and its network; see `PlanePartition.save`."""
    window = partition.window
    arrays: dict[str, npt.NDArray[Any]] = {
        "format": np.array(_FORMAT),
        "window_origin": window.origin,
        "window_basis": window.basis,
        "window_polygon": window.polygon,
        **({} if window.names is None else {"window_names": np.array(window.names)}),
        "diagnostics": np.array(json.dumps(partition.diagnostics)),
        **{name: getattr(partition, name) for name in _ARRAYS},
        **{f"network_{key}": array for key, array in network_to_arrays(partition.network).items()},
    }
    write_npz(path, arrays, "PlanePartition.save")


def read_plane(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what makes the partition in a file, by name, checked; see `PlanePartition.load`."""
    who = "PlanePartition.load"
    arrays = read_npz(path, who)
    saved = SavedArrays(arrays, f"`path` is {os.fspath(path)!r}", who, "Write it again with `PlanePartition.save`.")
    if "format" not in arrays or str(arrays["format"]) != _FORMAT:
        raise saved.wrong("which is no saved plane partition", "one")
    try:
        inner = {key[8:]: array for key, array in arrays.items() if key.startswith("network_")}
        network = network_from_arrays(inner, path, who)
        first, second = saved.texts("window_names", 2) if "window_names" in arrays else ("", "")
        names = (first, second) if "window_names" in arrays else None
        window = PlaneWindow(*(saved.floats(name, *shape) for name, shape in _WINDOW.items()), names=names)
    except (InvalidValueError, InvalidTypeError) as error:
        raise saved.wrong(f"which lacks or garbles an entry ({brief(error)})", "a whole partition") from None
    if window.basis.shape[1] != network.n_in:
        raise saved.wrong(f"whose window lies in {window.basis.shape[1]} dimensions", f"the network's {network.n_in}")
    polygons = complex_of(saved, breakpoints_of_neurons(network))
    n_edges, n_regions = len(polygons["edges"]), len(polygons["face_offsets"]) - 1
    return {
        "network": network,
        "window": window,
        "edge_faces": saved.integers("edge_faces", np.int32, -1, n_regions, n_edges, 2),
        "diagnostics": saved.mapping("diagnostics"),
        **polygons,
    }
