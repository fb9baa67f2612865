"""A copy of the caller's module to work with: unwrapped, on the CPU, in evaluation mode, in float64."""

from __future__ import annotations

import copy
import importlib
from typing import Any

from linregions._support.validation import require
from linregions.errors import InvalidTypeError, InvalidValueError

_WHO = "from_torch"


def load_torch() -> Any:
    """Import torch, or say which extra brings it."""
    return require("torch", "torch", _WHO, lambda: importlib.import_module("torch"))


def checked(torch: Any, module: Any) -> Any:
    """Return the module within `torch.compile` and wrappers for several devices, or raise if it is none."""
    if isinstance(module, torch.jit.ScriptModule):
        raise InvalidTypeError(
            f"`module` is a TorchScript module, but {_WHO} needs the torch.nn.Module that it was made of. "
            "Load the parameters into that one."
        )
    if not isinstance(module, torch.nn.Module):
        raise InvalidTypeError(
            f"`module` is {type(module).__name__}, but {_WHO} needs a torch.nn.Module. "
            "Load parameters into the model first, or build the network with `Network.from_layers`."
        )
    module = unwrapped(torch, module)
    for name, parameter in module.named_parameters():
        _check_parameter(torch, name, parameter)
    return module


def unwrapped(torch: Any, module: Any) -> Any:
    """Return the module within `torch.compile` and wrappers for several devices."""
    wrappers = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while True:
        if isinstance(module, wrappers):
            module = module.module
        elif "_orig_mod" in getattr(module, "_modules", {}):
            module = module._orig_mod
        else:
            return module


def working_copy(torch: Any, module: Any, double: bool = True) -> Any:
    """Return a copy that may be changed, in its own mode; wrappers inside it are gone.

    Floating-point attributes that are neither parameters nor buffers are converted as well.
    """
    try:  # of the copy, since a parametrised weight is computed in the format of its parameters
        copied = copy.deepcopy(module, computed(torch, module)).cpu()
        if double:
            copied = copied.double()
    except Exception as error:
        raise InvalidValueError(
            f"`module` cannot be copied ({error}), but {_WHO} needs a float64 copy to check the import with. "
            "Remove hooks and attributes that hold tensors from other computations."
        ) from None
    for part in list(copied.modules()):
        for name, child in part._modules.items():
            if child is not None:
                part._modules[name] = unwrapped(torch, child)
        for name, value in list(vars(part).items()):
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                vars(part)[name] = value.detach().cpu().to(torch.float64 if double else value.dtype)
    for parameter in copied.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    return copied


def computed(torch: Any, module: Any) -> dict[int, Any]:
    """Return copies of attributes that carry gradients, as of pruned weights, which a deep copy cannot take along."""
    return {
        id(value): value.detach().clone()
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, torch.Tensor) and value.grad_fn is not None
    }


def check_mode(torch: Any, module: Any) -> None:
    """Raise if a part computes something else in training mode, as dropout and batch norm do."""
    chance = (torch.nn.modules.dropout._DropoutNd, torch.nn.RReLU)
    batch = torch.nn.modules.batchnorm._NormBase
    for position, part in module.named_modules():
        if not part.training:
            continue
        if isinstance(part, chance) and getattr(part, "p", 1.0) > 0:
            detail = f" (p = {part.p:g})" if hasattr(part, "p") else ""
            raise InvalidValueError(
                f"`module` {located(position, type(part).__name__)}{detail} in training mode, but {_WHO} needs a "
                "function without chance. Call `module.eval()` first."
            )
        if isinstance(part, batch):
            raise InvalidValueError(
                f"`module` {located(position, type(part).__name__)} in training mode, where it depends on the batch, "
                f"but {_WHO} needs a function of one point. Call `module.eval()` first."
            )


def located(position: str, kind: str) -> str:
    """Say where a layer of a kind stands."""
    return f"has {kind} at position {position!r}" if position else f"is {kind}"


def _check_parameter(torch: Any, name: str, parameter: Any) -> None:
    if torch.nn.parameter.is_lazy(parameter):
        raise InvalidValueError(
            f"`module` has no values for {name!r} yet, but {_WHO} needs its size. Run the model once on an input."
        )
    if parameter.is_meta:
        raise InvalidValueError(
            f"`module` has {name!r} on the meta device, without values, but {_WHO} needs them. "
            "Move it with `module.to_empty(...)` and load its state dict."
        )
    if not parameter.is_floating_point():
        raise InvalidValueError(
            f"`module` has {name!r} of dtype {parameter.dtype}, but {_WHO} needs real floating-point parameters. "
            "Use float32 or float64."
        )
