"""The explorer: one self-contained page to pan, zoom and hover over regions."""

from linregions.plotting.explorer.given import MOST_REGIONS
from linregions.plotting.explorer.page import FILLS, Explorer, explore

__all__ = ["FILLS", "MOST_REGIONS", "Explorer", "explore"]
