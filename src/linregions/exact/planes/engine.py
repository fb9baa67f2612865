"""The exact engine for windows: slow beside the others, and right."""

from __future__ import annotations

from collections.abc import Callable

from linregions.domains.windows import PlaneWindow
from linregions.exact.planes.arrangement import Arrangement
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.naming import Regions, regions_of
from linregions.networks.network import Network


def exact_regions(network: Network, window: PlaneWindow, note: Callable[[int], None] | None = None) -> Regions:
    """Return the activation regions of a window, each decision taken for exactly the floats given.

    A point is ``origin + u basis[0] + v basis[1]`` without rounding. Floats with rigorous bounds decide what they can;
    integers decide the rest. `note` is told after each step how many faces there are.
    """
    frame = Frame.of(window.origin, window.basis, window.polygon)
    return regions_of(network, Arrangement(network, frame, note).run(), len(frame.corners))
