"""Exact linear regions of piecewise-linear neural networks."""

from linregions.activations import (
    ABS,
    HARD_SIGMOID,
    HARD_TANH,
    IDENTITY,
    RELU,
    RELU6,
    PiecewiseLinear,
    leaky_relu,
)
from linregions.constructions import sawtooth_network
from linregions.datasets import load_dataset
from linregions.distance import boundary_distance
from linregions.domains import Line, Path, PlaneWindow, Ray, Segment
from linregions.errors import LinRegionsError
from linregions.importers import from_torch
from linregions.lines import LinePartition
from linregions.network import AffineLayer, Network, random_network
from linregions.partition import count_regions, partition
from linregions.planes import PlanePartition
from linregions.tolerances import Tolerances

__version__ = "0.1.0.dev0"

__all__ = [
    "ABS",
    "HARD_SIGMOID",
    "HARD_TANH",
    "IDENTITY",
    "RELU",
    "RELU6",
    "AffineLayer",
    "LinRegionsError",
    "Line",
    "LinePartition",
    "Network",
    "Path",
    "PiecewiseLinear",
    "PlanePartition",
    "PlaneWindow",
    "Ray",
    "Segment",
    "Tolerances",
    "boundary_distance",
    "count_regions",
    "from_torch",
    "leaky_relu",
    "load_dataset",
    "partition",
    "random_network",
    "sawtooth_network",
]
