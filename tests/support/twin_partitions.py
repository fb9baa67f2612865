"""Partitions of boxes made from the exact twin."""

from __future__ import annotations

from linregions import Box, BoxPartition, Network, Polytope
from tests.reference.exact_box_arrays import as_box_cells
from tests.reference.exact_boxes import exact_boxes


def twin_partition(network: Network, domain: Box | Polytope) -> BoxPartition:
    """Return the partition that follows from exact arithmetic."""
    return BoxPartition.of(network, domain, as_box_cells(exact_boxes(network, domain)))
