"""PyTorch modules -> Network, checked against the module's own output."""

from linregions.networks.importers.torch.file import from_pt2
from linregions.networks.importers.torch.model import from_torch

__all__ = ["from_pt2", "from_torch"]
