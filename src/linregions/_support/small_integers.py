"""Attributes of int32 whose numbers are known to be small, kept in fewer bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

_Class = TypeVar("_Class", bound=type)


class _SmallIntegers:
    """An attribute that takes and gives int32, and keeps the smallest signed type that holds all its numbers."""

    def __init__(self, name: str) -> None:
        self._kept = f"_{name}"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return vars(instance)[self._kept].astype(np.int32)

    def __set__(self, instance: object, value: npt.NDArray[np.int32]) -> None:
        low, high = int(value.min(initial=0)), int(value.max(initial=0))
        limits = [np.iinfo(kind) for kind in ("i1", "i2", "i4", "i8")]
        kind = next(limit.dtype for limit in limits if limit.min <= low and high <= limit.max)
        vars(instance)[self._kept] = value.astype(kind)


def keep_small(name: str) -> Callable[[_Class], _Class]:
    """Return a decorator for a dataclass whose integer field of that name is to be kept small."""

    def decorate(owner: _Class) -> _Class:
        setattr(owner, name, _SmallIntegers(name))
        return owner

    return decorate
