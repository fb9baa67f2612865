"""Follow a network's linear regions while it trains in one's own PyTorch loop."""

from linregions.tracking.probes import DistanceProbe, LineProbe, PlaneProbe, Probe, default_probes
from linregions.tracking.tracker import Tracker

__all__ = ["DistanceProbe", "LineProbe", "PlaneProbe", "Probe", "Tracker", "default_probes"]
