"""Exact linear regions of piecewise-linear neural networks."""

import importlib
from typing import TYPE_CHECKING, Any

from linregions._support.estimates import Estimate
from linregions._support.old_addresses import OldAddresses
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Ball, Box
from linregions.domains.windows import Line, Path, PlaneWindow, Ray, Segment
from linregions.errors import LinRegionsError
from linregions.measures.attribution import integrated_gradients
from linregions.measures.density import boundary_density
from linregions.measures.distances.distance import boundary_distance
from linregions.measures.local_complexity import LocalComplexity, local_complexity
from linregions.networks.activations import (
    ABS,
    HARD_SIGMOID,
    HARD_TANH,
    IDENTITY,
    RELU,
    RELU6,
    PiecewiseLinear,
    leaky_relu,
)
from linregions.networks.constructions import constant_network, folding_network, sawtooth_network, zigzag_network
from linregions.networks.importers import approximate, from_nnet, from_onnx, from_sklearn, from_torch
from linregions.networks.local_maps import ActivationRegion
from linregions.networks.network import AffineLayer, Network
from linregions.networks.random import random_network
from linregions.regions.boxes.partition import BoxPartition
from linregions.regions.boxes.sinks.statistics import BoxStatistics
from linregions.regions.lines.partition import LinePartition
from linregions.regions.partition import count_regions, partition
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.sink import RegionBatch, Sink
from linregions.regions.planes.sinks.statistics import RegionStatistics
from linregions.regions.planes.sinks.stream import RegionStream
from linregions.regions.planes.sinks.streamed import StreamedRegions
from linregions.regions.tolerances import Tolerances

if TYPE_CHECKING:  # as they load on first use
    from linregions import experiments as experiments
    from linregions import integrations as integrations
    from linregions import plotting as plotting
    from linregions import theory as theory
    from linregions import tracking as tracking
    from linregions import training as training
    from linregions.tracking import DistanceProbe, LineProbe, PlaneProbe, Tracker, default_probes
    from linregions.training import load_dataset

__version__ = "0.1.0"

__all__ = [
    "ABS",
    "HARD_SIGMOID",
    "HARD_TANH",
    "IDENTITY",
    "RELU",
    "RELU6",
    "ActivationRegion",
    "AffineLayer",
    "Ball",
    "Box",
    "BoxPartition",
    "BoxStatistics",
    "DistanceProbe",
    "Estimate",
    "LinRegionsError",
    "Line",
    "LinePartition",
    "LineProbe",
    "LocalComplexity",
    "Network",
    "Path",
    "PiecewiseLinear",
    "PlanePartition",
    "PlaneProbe",
    "PlaneWindow",
    "Polytope",
    "Ray",
    "RegionBatch",
    "RegionStatistics",
    "RegionStream",
    "Segment",
    "Sink",
    "StreamedRegions",
    "Tolerances",
    "Tracker",
    "approximate",
    "boundary_density",
    "boundary_distance",
    "constant_network",
    "count_regions",
    "default_probes",
    "folding_network",
    "from_nnet",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "integrated_gradients",
    "leaky_relu",
    "load_dataset",
    "local_complexity",
    "partition",
    "random_network",
    "sawtooth_network",
    "zigzag_network",
]

# Most programs do not track a training, so this is loaded when first asked for.
_LATER = dict.fromkeys(("DistanceProbe", "LineProbe", "PlaneProbe", "Tracker", "default_probes"), "linregions.tracking")
_LATER["load_dataset"] = "linregions.training"
# Nor do most need these, as `lr.theory` and the like.
_MODULES = ("experiments", "integrations", "plotting", "theory", "tracking", "training")

# Documented modules that have moved before the first release, kept until the second.
_MOVED = {
    "adjacency": "regions.adjacency",
    "constructions": "networks.constructions",
    "datasets": "training.datasets",
    "decision": "regions.planes.decision",
    "line_queries": "regions.lines.queries",
    "pattern_words": "networks.switches",
    "perturbation": "measures.perturbation",
    "plane_estimate": "regions.planes.estimate",
    "plane_queries": "regions.planes.queries",
    "region_statistics": "regions.planes.sinks.statistics",
    "sinks": "regions.planes.sink",
}
OldAddresses({f"{__name__}.{old}": f"{__name__}.{new}" for old, new in _MOVED.items()}).install()


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    if name in _MODULES or name in _MOVED:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_MODULES})
