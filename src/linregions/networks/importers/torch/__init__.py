"""PyTorch modules -> Network, checked against the module's own output."""

from linregions.networks.importers.torch.model import from_torch

__all__ = ["from_torch"]
