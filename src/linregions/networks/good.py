"""Where open paths of a network can lead, described for the kernels once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from linregions.networks.network import Network

if TYPE_CHECKING:
    from linregions.networks.kernels.open_paths import Paths


@lru_cache(maxsize=1)
def paths_of(network: Network) -> Paths:
    """Return the paths of a network, which never changes; those of the last one asked for are kept.

    Reading all weights takes longer than a batch of regions, and every batch asks.
    """
    from linregions.networks.kernels.open_paths import make_paths

    return make_paths([layer.weight for layer in network.layers], [each.slopes for each in network.activations])
