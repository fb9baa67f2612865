"""Rules of operators that only move numbers: run by PyTorch on the numbers of the places, whatever their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions.networks.importers.torch import refusals
from linregions.networks.importers.torch.registry import At, Mask, Refusal, depends, rule
from linregions.networks.importers.values import Value

_SELF = [
    "view.default",
    "_unsafe_view.default",
    "reshape.default",
    "_reshape_alias.default",
    "view_copy.default",
    "flatten.using_ints",
    "unflatten.int",
    "ravel.default",
    "transpose.int",
    "transpose_copy.int",
    "t.default",
    "t_copy.default",
    "numpy_T.default",
    "mT.default",
    "permute.default",
    "permute_copy.default",
    "movedim.int",
    "movedim.intlist",
    "swapaxes.default",
    "swapdims.default",
    "moveaxis.int",
    "moveaxis.intlist",
    "adjoint.default",
    "select.int",
    "select_copy.int",
    "slice.Tensor",
    "slice_copy.Tensor",
    "narrow.default",
    "narrow_copy.default",
    "index.Tensor",
    "index_select.default",
    "gather.default",
    "take.default",
    "take_along_dim.default",
    "diagonal.default",
    "diagonal_copy.default",
    "squeeze.default",
    "squeeze.dim",
    "squeeze.dims",
    "squeeze_copy.default",
    "squeeze_copy.dim",
    "squeeze_copy.dims",
    "unsqueeze.default",
    "unsqueeze_copy.default",
    "atleast_1d.default",
    "atleast_2d.default",
    "atleast_3d.default",
    "expand.default",
    "expand_copy.default",
    "expand_as.default",
    "broadcast_to.default",
    "repeat.default",
    "tile.default",
    "repeat_interleave.self_int",
    "repeat_interleave.self_Tensor",
    "roll.default",
    "flip.default",
    "fliplr.default",
    "flipud.default",
    "rot90.default",
    "unfold.default",
    "unfold_copy.default",
    "as_strided.default",
    "as_strided_copy.default",
    "pixel_shuffle.default",
    "pixel_unshuffle.default",
    "channel_shuffle.default",
    "native_channel_shuffle.default",
    "clone.default",
    "contiguous.default",
    "alias.default",
    "alias_copy.default",
    "detach.default",
    "detach_.default",
    "lift_fresh.default",
    "lift_fresh_copy.default",
    "positive.default",
    "view_as.default",
    "reshape_as.default",
    "split.Tensor",
    "split.sizes",
    "split_with_sizes.default",
    "split_with_sizes_copy.default",
    "split_copy.Tensor",
    "chunk.default",
    "unbind.int",
    "unbind_copy.int",
    "tensor_split.sections",
    "tensor_split.indices",
    "unsafe_split.Tensor",
    "unsafe_chunk.default",
    "tril.default",
    "triu.default",
    "diag_embed.default",
    "diag.default",
    "im2col.default",
    "reflection_pad1d.default",
    "reflection_pad2d.default",
    "reflection_pad3d.default",
    "replication_pad1d.default",
    "replication_pad2d.default",
    "replication_pad3d.default",
]
_FILLED = ["constant_pad_nd.default", "pad.default"]
_RESIZED = [
    "upsample_nearest1d.vec",
    "upsample_nearest2d.vec",
    "upsample_nearest3d.vec",
    "_upsample_nearest_exact1d.vec",
    "_upsample_nearest_exact2d.vec",
    "_upsample_nearest_exact3d.vec",
]
_SEVERAL = {
    "cat.default": ("tensors",),
    "concat.default": ("tensors",),
    "concatenate.default": ("tensors",),
    "stack.default": ("tensors",),
    "hstack.default": ("tensors",),
    "vstack.default": ("tensors",),
    "dstack.default": ("tensors",),
    "block_diag.default": ("tensors",),
    "slice_scatter.default": ("self", "src"),
    "select_scatter.default": ("self", "src"),
    "diagonal_scatter.default": ("self", "src"),
    "as_strided_scatter.default": ("self", "src"),
    "copy.default": ("self", "src"),
    "scatter.src": ("self", "src"),
    "index_put.default": ("self", "values"),
    "index_copy.default": ("self", "source"),
    "fill.Tensor": ("self", "value"),
    "masked_scatter.default": ("self", "source"),
}


@rule(*(f"aten.{name}" for name in _SELF), masks=True)
def _move(at: At, a: dict[str, Any]) -> Any:
    mask = a["self"]
    if isinstance(mask, Mask):
        made = moved(at, {**a, "self": mask.sign}, ("self",))
        return Mask(made, mask.refusal) if isinstance(made, Value) else mask.refusal
    return moved(at, a, ("self",))


@rule(*(f"aten.{name}" for name in _RESIZED))
def _resize(at: At, a: dict[str, Any]) -> Any:
    return moved(at, a, ("input",))


@rule(*(f"aten.{name}" for name in _FILLED))
def _pad(at: At, a: dict[str, Any]) -> Any:
    fill = float(a["value"] or 0.0)
    return moved(at, {**a, "value": None if a.get("mode", "constant") != "constant" else -1.0}, ("self",), fill)


@rule("aten.fill.Scalar")
def _fill(at: At, a: dict[str, Any]) -> Any:
    return at.builder.constant(np.full(a["self"].shape, float(a["value"])))


@rule(*(f"aten.{name}" for name in _SEVERAL))
def _combine(at: At, a: dict[str, Any]) -> Any:
    name = str(at.node.target).removeprefix("aten.")
    if a.get("accumulate"):
        return at.refuse(refusals.UNKNOWN)
    return moved(at, a, _SEVERAL[name])


@rule("aten.zeros_like.default", "aten.new_zeros.default")
@rule("aten.empty_like.default", "aten.new_empty.default")
def _zeros(at: At, a: dict[str, Any]) -> Any:
    return at.torch.zeros(_size(a), dtype=at.torch.float64)


@rule("aten.ones_like.default", "aten.new_ones.default")
def _ones(at: At, a: dict[str, Any]) -> Any:
    return at.torch.ones(_size(a), dtype=at.torch.float64)


@rule("aten.full_like.default", "aten.new_full.default")
def _full(at: At, a: dict[str, Any]) -> Any:
    return at.torch.full(_size(a), float(a["fill_value"]), dtype=at.torch.float64)


@rule("aten.sym_size.int")
def _length(at: At, a: dict[str, Any]) -> Any:
    return int(a["self"].shape[a["dim"]])


def _size(a: dict[str, Any]) -> list[int]:
    """Return the size that is asked for, or that of the value that is imitated."""
    return list(a["size"] if "size" in a else a["self"].shape)


@rule("aten._to_copy.default", "aten.to.dtype", "aten.to.dtype_layout", "aten.type_as.default", masks=True)
def _cast(at: At, a: dict[str, Any]) -> Any:
    if isinstance(a["self"], Mask):
        return a["self"]
    kind = at.node.meta["val"].dtype
    return at.value(a["self"]) if kind.is_floating_point else at.refuse(refusals.ROUNDING)


def moved(at: At, a: dict[str, Any], names: tuple[str, ...], fill: float = 0.0) -> Any:
    """Return what an operator makes of the values under these names: it is run on the numbers of their places.

    Places are numbered from 1 through all values; 0 is a zero that the operator put in, -1 a `fill`.
    """
    values: list[Value] = []
    arguments = dict(a)
    first = 1
    for name in names:
        listed = isinstance(a[name], list | tuple)
        numbered = []
        for argument in a[name] if listed else [a[name]]:
            value = at.value(argument)
            places = at.torch.arange(first, first + value.n_units, dtype=at.torch.float64)
            numbered.append(places.reshape(value.shape))
            values.append(value)
            first += value.n_units
        arguments[name] = numbered if listed else numbered[0]
    if any(isinstance(argument, Refusal | Mask | Value) or depends(argument) for argument in arguments.values()):
        return at.refuse(refusals.UNKNOWN)
    positional, keywords = [], {}
    for argument in at.node.target._schema.arguments:
        if argument.kwarg_only:
            keywords[argument.name] = arguments[argument.name]
        else:
            positional.append(arguments[argument.name])
    result = at.node.target(*positional, **keywords)
    if isinstance(result, list | tuple):
        return type(result)(_gathered(at, values, places, fill) for places in result)
    return _gathered(at, values, result, fill)


def _gathered(at: At, values: list[Value], places: Any, fill: float) -> Value:
    index = places.numpy().astype(np.int64) - 1
    if len(values) > 1:
        used = np.unique(index)
        alone = [k for k, start in enumerate(_starts(values)) if used.size and _within(used, start, values[k].n_units)]
        if alone:
            made = at.builder.gather(values[alone[0]], index - _starts(values)[alone[0]], at.name)
        else:
            flat = [at.builder.reshape(value, (value.n_units,)) for value in values]
            made = at.builder.gather(at.builder.concat(flat, 0), index, at.name)
    else:
        made = at.builder.gather(values[0], index, at.name)
    return made if fill == 0.0 else at.builder.add(made, np.where(index == -2, fill, 0.0))


def _starts(values: list[Value]) -> list[int]:
    return [0, *np.cumsum([value.n_units for value in values]).tolist()][:-1]


def _within(used: Any, start: int, n: int) -> bool:
    return bool(used.min() >= start and used.max() < start + n)
