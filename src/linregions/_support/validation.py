"""The only checks of shape, dtype, finiteness and range. Every message names argument, finding, need, remedy."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.errors import InvalidTypeError, InvalidValueError, MissingDependencyError

FloatArray = npt.NDArray[np.float64]


def as_float_array(value: Any, name: str, who: str, ndim: int | None = None) -> FloatArray:
    """Return `value` as a finite, C-contiguous float64 array with `ndim` axes, or raise."""
    value = _without_torch(value)
    try:
        raw = np.asarray(value)
    except ValueError as error:
        raise InvalidValueError(
            f"`{name}` is ragged ({error}), but {who} needs a rectangular array. Give rows of equal length."
        ) from None
    if raw.dtype.kind == "c":
        raise InvalidTypeError(
            f"`{name}` is complex, but {who} needs real numbers. Pass its real part if that is what you mean."
        )
    if raw.dtype.kind not in "fiub":
        raise InvalidTypeError(
            f"`{name}` has dtype {raw.dtype}, but {who} needs real numbers. "
            "Convert it with `numpy.asarray(..., dtype=float)`."
        )
    array = np.ascontiguousarray(raw, dtype=np.float64) if raw.ndim else raw.astype(np.float64)
    if ndim is not None and array.ndim != ndim:
        raise InvalidValueError(
            f"`{name}` has shape {array.shape}, but {who} needs {ndim} "
            f"{'axis' if ndim == 1 else 'axes'}. Reshape it, e.g. with `numpy.reshape`."
        )
    bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if bad:
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(np.atleast_1d(array)))[0])
        raise InvalidValueError(
            f"`{name}` holds {bad} NaN or infinite value(s), the first at index {first}, "
            f"but {who} needs finite numbers. Remove or replace them, e.g. with `numpy.nan_to_num`."
        )
    return array


def _without_torch(value: Any) -> Any:
    """Return torch tensors, and those in lists, as arrays: of any device and format, also where they require grad."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        return (value.double() if value.is_floating_point() else value).numpy()  # numpy has no bfloat16
    if isinstance(value, list | tuple) and any(hasattr(entry, "detach") for entry in value):
        return [_without_torch(entry) for entry in value]
    return value


def as_points(value: Any, name: str, who: str, n_in: int) -> FloatArray:
    """Return points of an input space as a finite float64 array of shape (..., n_in), or raise.

    Images and other arrays are flattened where the sizes fit: the last axes, so many that they hold `n_in` numbers,
    and axes of size one before them, as of a colour channel, as long as an axis for the points is left.
    """
    points = as_float_array(value, name, who)
    shape = shape_of_points(points.shape, n_in)
    if shape is None:
        raise InvalidValueError(
            f"`{name}` has shape {points.shape}, but {who} needs a last axis of {n_in} inputs, or images of {n_in} "
            f"numbers. Reshape it to (..., {n_in})."
        )
    return points.reshape(*shape, n_in)


def shape_of_points(shape: tuple[int, ...], n_in: int) -> tuple[int, ...] | None:
    """Return the shape of the points, without that of a single one, in an array of this shape; None if none fits."""
    if shape and shape[-1] == n_in:
        return shape[:-1]
    size, before = 1, len(shape)
    while before and size != n_in:
        before -= 1
        size *= shape[before]
    if size != n_in or before > len(shape) - 2:
        return None
    while before > 1 and shape[before - 1] == 1:
        before -= 1
    return shape[:before]


def check_axes(shape: tuple[int, ...], input_shape: tuple[int, ...], name: str, who: str) -> None:
    """Raise if images have the axes of the input in another order: flattened, their numbers would be mixed up."""
    axes, expected = ([n for n in sizes if n != 1] for sizes in (shape, input_shape))
    own = axes[len(axes) - len(expected) :]
    if len(expected) > 1 and own != expected and sorted(own) == sorted(expected):
        raise InvalidValueError(
            f"`{name}` has shape {shape}, but {who} needs images of the model's own shape, {input_shape}. Move the "
            "axes, e.g. with `np.moveaxis(points, -1, -3)` where the channels are last."
        )


def as_point_rows(value: Any, name: str, who: str, n_in: int) -> FloatArray:
    """Return points of an input space as an array (N, n_in), one point as (1, n_in), images flattened, or raise."""
    points = as_points(value, name, who, n_in)
    if points.ndim > 2 or not points.size:
        raise InvalidValueError(
            f"`{name}` has shape {points.shape}, but {who} needs (N, {n_in}) with N at least 1. "
            "Give one row for each point."
        )
    return points.reshape(-1, n_in)


def as_vector(value: Any, name: str, who: str) -> FloatArray:
    """Return one point of an input space as a read-only vector; images are flattened."""
    vector = as_float_array(value, name, who)
    if vector.ndim == 0:
        raise InvalidValueError(
            f"`{name}` has shape (), but {who} needs 1 axis. Give a point as a list, e.g. `[{float(vector):g}]`."
        )
    if vector.size == 0:
        raise InvalidValueError(f"`{name}` is empty, but {who} needs at least one coordinate. Give a point.")
    return frozen(vector.ravel())


def as_rows(value: Any, name: str, who: str) -> FloatArray:
    """Return points of a space of unknown dimension as an array (N, n_in), images flattened, or raise."""
    rows = as_float_array(value, name, who)
    return rows.reshape(rows.shape[0], -1) if rows.ndim > 2 and rows.size else as_float_array(rows, name, who, ndim=2)


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only copy of `array`, C-contiguous, that no caller can change."""
    copy = np.array(array, order="C", copy=True)
    copy.flags.writeable = False
    return copy


def as_integer(value: Any, name: str, who: str, low: int) -> int:
    """Return `value` as an int of at least `low`, or raise."""
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidTypeError(
            f"`{name}` is {value!r} ({type(value).__name__}), but {who} needs an integer. "
            f"Give a whole number of at least {low}."
        ) from None
    if isinstance(value, bool):
        raise InvalidTypeError(
            f"`{name}` is {value!r}, but {who} needs an integer. Give a whole number of at least {low}."
        )
    if number < low:
        raise InvalidValueError(f"`{name}` is {number}, but {who} needs at least {low}. Give a larger number.")
    return number


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def as_threads(value: Any, name: str, who: str) -> int:
    """Return a number of threads, all cores for -1, or raise."""
    try:
        number = as_integer(value, name, who, -1)
    except InvalidValueError:
        number = 0
    if number == -1:
        return available_cores()
    if number == 0:
        raise InvalidValueError(
            f"`{name}` is {value}, but {who} needs at least 1, or -1 for all cores. Give one of these."
        )
    return number


def as_widths(value: Any, name: str, who: str) -> tuple[int, ...]:
    """Return `value` as the numbers of units of input, hidden layers and output, or raise."""
    if not np.iterable(value) or isinstance(value, str):
        raise InvalidTypeError(
            f"`{name}` is {value!r}, but {who} needs a sequence of integers. Give e.g. `[784, 64, 64, 64, 10]`."
        )
    widths = tuple(as_integer(width, f"{name}[{k}]", who, 1) for k, width in enumerate(value))
    if len(widths) < 2:
        raise InvalidValueError(
            f"`{name}` is {list(widths)}, but {who} needs the input and the output at least. "
            "Give e.g. `[784, 64, 64, 64, 10]`."
        )
    return widths


def as_positive(value: Any, name: str, who: str) -> float:
    """Return `value` as a positive finite float, or raise."""
    number = float(as_float_array(value, name, who, ndim=0))
    if number <= 0.0:
        raise InvalidValueError(f"`{name}` is {number:g}, but {who} needs a positive number. Give one above zero.")
    return number


def as_choice(value: Any, name: str, who: str, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`, or raise."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise InvalidValueError(f"`{name}` is {value!r}, but {who} needs one of {listed}. Choose one of these.")
    return str(value)


def as_generator(value: Any, name: str, who: str, *, fresh: bool = False) -> np.random.Generator:
    """Return `value` if it is a ``numpy.random.Generator`` (or make one from an integer seed), or raise.

    With `fresh`, None stands for randomness that is new each time.
    """
    if value is None and fresh:
        return np.random.default_rng()
    if isinstance(value, np.random.Generator):
        return value
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        if value < 0:
            raise InvalidValueError(
                f"`{name}` is {value}, but {who} needs a seed of at least 0. Give a non-negative integer."
            )
        return np.random.default_rng(int(value))
    raise InvalidTypeError(
        f"`{name}` is {type(value).__name__}, but {who} needs a numpy.random.Generator or an integer seed. "
        "Create one with `numpy.random.default_rng(seed)`."
    )


def require(package: str, extra: str, who: str, load: Callable[[], Any]) -> Any:
    """Import an optional package by calling `load`, or say which extra brings it."""
    try:
        return load()
    except ImportError as error:
        raise MissingDependencyError(
            f"`{package}` cannot be imported ({error}), but {who} needs it. "
            f"Install it with `pip install 'linregions[{extra}]'`."
        ) from error
