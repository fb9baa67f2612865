"""The theorems: every statement of the paper that numbers can check, against exact partitions of random networks."""

from linregions.experiments.theorems.experiment import FULL, NAME, NEEDS, QUICK, Settings, measure
from linregions.experiments.theorems.figure import draw

__all__ = ["FULL", "NAME", "NEEDS", "QUICK", "Settings", "draw", "measure"]
