"""Foreign models -> Network, each checked against the model itself."""

from linregions.importers.any_model import as_network
from linregions.importers.sklearn_mlp import from_sklearn
from linregions.importers.torch_sequential import from_torch

__all__ = ["as_network", "from_sklearn", "from_torch"]
