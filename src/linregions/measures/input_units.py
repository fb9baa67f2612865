"""A network and a part of its input space in other units, so that no square of a size is out of range."""

from __future__ import annotations

import numpy as np

from linregions.domains.windows import power_of_two
from linregions.errors import NumericalError
from linregions.networks.network import Network

# Sizes whose squares, and those of what is much smaller or larger, are numbers.
_LARGE, _SMALL = 2.0**250, 2.0**-250


def unit_for(size: float) -> float:
    """Return the power of two in whose units to measure what has some size; 1 for ordinary sizes."""
    return 1.0 if _SMALL < size < _LARGE else power_of_two(size / 2)


def in_units(network: Network, unit: float, name: str, who: str) -> Network:
    """Return a network of inputs that are measured in another unit, a power of two."""
    if unit == 1.0:
        return network
    first, *others = network.layers
    with np.errstate(over="ignore"):
        weight = first.weight * unit
    if not np.all(np.isfinite(weight)):
        raise NumericalError(
            f"`{name}` overflows where inputs are as large as {unit:.0e}, but {who} needs finite values. "
            "Scale its weights, or the domain."
        )
    return Network.from_layers([(weight, first.bias), *((la.weight, la.bias) for la in others)], network.activations)
