"""What `explore` is given: partitions of one window, or of a line, and numbers of their regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.errors import InvalidTypeError, InvalidValueError

#: How many regions a page may hold, all its moments together.
MOST_REGIONS = 600_000
_PLACE = ("origin", "basis", "polygon")


def as_moments(partitions: Any) -> tuple[dict[str, Any], Any]:
    """Return partitions of a window by name, or else the partition of a line."""
    if hasattr(partitions, "breakpoints"):
        return {}, as_line(partitions)
    if isinstance(partitions, Mapping):
        moments = {str(label): part for label, part in partitions.items()}
    elif isinstance(partitions, Sequence):
        moments = {f"{k + 1} of {len(partitions)}": part for k, part in enumerate(partitions)}
    else:
        moments = {"": partitions}
    if not moments:
        raise InvalidValueError("`partitions` is empty, but explore needs at least one. Give what `partition` returns.")
    for part in moments.values():
        if not hasattr(part, "face_vertices") or not hasattr(part, "pattern_words"):
            raise InvalidTypeError(
                f"`partitions` holds {type(part).__name__}, but explore needs partitions of a plane, or one of a line. "
                "Give what `linregions.partition` returns for a PlaneWindow."
            )
    parts = list(moments.values())
    for part in parts[1:]:
        same = [np.array_equal(getattr(part.window, key), getattr(parts[0].window, key)) for key in _PLACE]
        if not all(same):
            raise InvalidValueError(
                "`partitions` have different windows, but explore needs the same one at all moments. Cut each network "
                "in the same PlaneWindow, or make a page for each."
            )
    total = sum(len(part.face_offsets) - 1 for part in parts)
    if total > MOST_REGIONS:
        raise InvalidValueError(
            f"`partitions` have {total:,} regions, but explore needs at most {MOST_REGIONS:,} in a page. Take a "
            "smaller window or fewer moments, or look at all of them with `linregions.RegionStream` and `plot_stream`."
        )
    return moments, None


def as_line(line: Any) -> Any:
    """Return a partition of a line, or raise."""
    if not hasattr(line, "breakpoints") or not hasattr(line, "intervals"):
        raise InvalidTypeError(
            f"`line` is {type(line).__name__}, but explore needs a LinePartition. Give what `linregions.partition` "
            "returns for a Segment, Ray, Line or Path."
        )
    return line


def as_lines(line: Any, n_moments: int) -> list[Any]:
    """Return a partition of a line for each moment, or none at all."""
    if line is None:
        return []
    lines = [as_line(entry) for entry in (line if isinstance(line, list | tuple) else [line])]
    if len(lines) != n_moments:
        raise InvalidValueError(
            f"`line` has {len(lines)} partitions, but explore needs one for each of {n_moments} moments. Give a list: "
            "the line's partition by each network."
        )
    return lines


def as_numbers(numbers: Mapping[str, Any] | None, parts: list[Any]) -> dict[str, list[FloatArray]]:
    """Return the numbers by name, an array for each moment."""
    result: dict[str, list[FloatArray]] = {}
    for key, values in (numbers or {}).items():
        arrays = [values] if len(parts) == 1 and np.ndim(values) == 1 else list(values)
        if len(arrays) != len(parts):
            raise InvalidValueError(
                f"`numbers` has {len(arrays)} arrays for {key!r}, but explore needs one for each of {len(parts)} "
                "partitions. Give a list with an array for each."
            )
        result[str(key)] = []
        for array, part in zip(arrays, parts, strict=True):
            given = np.asarray(array, dtype=np.float64)
            if given.shape != (len(part.face_offsets) - 1,):
                raise InvalidValueError(
                    f"`numbers` has shape {given.shape} for {key!r}, but explore needs one for each region, shape "
                    f"({len(part.face_offsets) - 1},). Give them in the order of the partition."
                )
            result[str(key)].append(given)
    return result
