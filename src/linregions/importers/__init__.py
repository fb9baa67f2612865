"""Foreign models -> Network, each checked against the model itself."""

from linregions.importers.torch_sequential import from_torch

__all__ = ["from_torch"]
