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
from linregions.domains import Line, Path, PlaneWindow, Ray, Segment
from linregions.errors import LinRegionsError
from linregions.network import AffineLayer, Network, random_network
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
    "Network",
    "Path",
    "PiecewiseLinear",
    "PlaneWindow",
    "Ray",
    "Segment",
    "Tolerances",
    "leaky_relu",
    "random_network",
]
