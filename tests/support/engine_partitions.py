"""Partitions of boxes as the engine finds them."""

from __future__ import annotations

from linregions import Box, BoxPartition, Network
from linregions.regions.boxes.find import find_cells


def engine_partition(network: Network, box: Box) -> BoxPartition:
    """Return the partition of a box."""
    return BoxPartition.of(network, box, find_cells(network, box))
