"""What the verbs take in place of a Network: models of other packages, converted on the way in."""

from __future__ import annotations

from typing import Any

from linregions.errors import InvalidTypeError
from linregions.networks.importers.sklearn_mlp import from_sklearn, is_sklearn_mlp
from linregions.networks.importers.torch import from_torch
from linregions.networks.network import Network


def as_network(model: Any, name: str, who: str) -> Network:
    """Return `model` as a Network: itself, or a PyTorch module or scikit-learn perceptron converted, or raise.

    Neither package is imported: a model of one that is not there cannot be given.
    """
    if isinstance(model, Network):
        return model
    if is_sklearn_mlp(model):
        return from_sklearn(model)
    if any(kind.__module__ == "torch.nn.modules.module" and kind.__name__ == "Module" for kind in type(model).__mro__):
        return from_torch(model)
    raise InvalidTypeError(
        f"`{name}` is {type(model).__name__}, but {who} needs a linregions.Network. Give one, a PyTorch module or an "
        "MLP of scikit-learn; load a file with `Network.load`."
    )
