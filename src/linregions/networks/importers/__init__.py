"""Foreign models -> Network, each checked against the model itself."""

from linregions.networks.importers.any_model import as_network
from linregions.networks.importers.approximate import approximate
from linregions.networks.importers.nnet import from_nnet
from linregions.networks.importers.onnx import from_onnx
from linregions.networks.importers.sklearn_mlp import from_sklearn
from linregions.networks.importers.torch import from_pt2, from_torch
from linregions.networks.network import READERS

READERS.update(onnx=from_onnx, nnet=from_nnet, pt2=from_pt2)

__all__ = ["approximate", "as_network", "from_nnet", "from_onnx", "from_pt2", "from_sklearn", "from_torch"]
