"""What drawings read of what is drawn: whatever has these attributes can be drawn.

Results of the library do (`PlanePartition`, `LinePartition`, `StreamedRegions`, `PlaneStatistics`), and describe them.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.domains.windows import LineDomain, PlaneWindow
from linregions.networks.network import Network


class Picture(Protocol):
    """Regions of a window: a complex of polygons with patterns, colours for which follow from affine maps."""

    @property
    def network(self) -> Network: ...  # noqa: D102
    @property
    def window(self) -> PlaneWindow: ...  # noqa: D102
    @property
    def vertices(self) -> FloatArray: ...  # noqa: D102
    @property
    def edges(self) -> npt.NDArray[np.int32]: ...  # noqa: D102
    @property
    def edge_neuron(self) -> npt.NDArray[np.int32]: ...  # noqa: D102
    @property
    def face_offsets(self) -> npt.NDArray[np.int64]: ...  # noqa: D102
    @property
    def face_vertices(self) -> npt.NDArray[np.int32]: ...  # noqa: D102
    @property
    def face_edges(self) -> npt.NDArray[np.int32]: ...  # noqa: D102
    @property
    def patterns(self) -> npt.NDArray[np.uint8]: ...  # noqa: D102
    @property
    def areas(self) -> FloatArray: ...  # noqa: D102
    @property
    def affine_maps(self) -> FloatArray: ...  # noqa: D102
    @property
    def linear_labels(self) -> npt.NDArray[np.int32]: ...  # noqa: D102
    def decision_boundary(self, decision: str = "argmax") -> Any: ...  # noqa: D102
    def level_set(self, output: int = 0, level: float = 0.0) -> Any: ...  # noqa: D102


class LinePicture(Protocol):
    """Regions along a line."""

    @property
    def network(self) -> Network: ...  # noqa: D102
    @property
    def domain(self) -> LineDomain: ...  # noqa: D102
    @property
    def breakpoints(self) -> FloatArray: ...  # noqa: D102
    @property
    def intervals(self) -> FloatArray: ...  # noqa: D102
    @property
    def neurons(self) -> npt.NDArray[np.int32]: ...  # noqa: D102


class StreamPicture(Protocol):
    """Regions of a window, in parts."""

    @property
    def network(self) -> Network: ...  # noqa: D102
    @property
    def window(self) -> PlaneWindow: ...  # noqa: D102
    @property
    def manifest(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def n_regions(self) -> int: ...  # noqa: D102
    @property
    def n_parts(self) -> int: ...  # noqa: D102
    @property
    def areas(self) -> FloatArray: ...  # noqa: D102
    def part(self, number: int) -> dict[str, npt.NDArray[Any]]: ...  # noqa: D102


class HistogramPicture(Protocol):
    """Counts in bins of a logarithmic axis."""

    @property
    def counts(self) -> npt.NDArray[np.int64]: ...  # noqa: D102
    @property
    def log10_edges(self) -> FloatArray: ...  # noqa: D102


class StatisticsPicture(Protocol):
    """Sizes of the regions of a window."""

    @property
    def n_regions(self) -> int: ...  # noqa: D102
    @property
    def areas(self) -> HistogramPicture: ...  # noqa: D102
    @property
    def perimeters(self) -> HistogramPicture: ...  # noqa: D102
    @property
    def sides(self) -> npt.NDArray[np.int64]: ...  # noqa: D102
