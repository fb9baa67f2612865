"""Arrays of a file, each checked as it is taken: what follows from them then needs no doubt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.errors import FileFormatError

_ASIDE = 40  # characters of a text that a message repeats


class SavedArrays:
    """A file's arrays by name; `where` is the subject of messages, `remedy` the sentence that says what to do."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], where: str, who: str, remedy: str) -> None:
        self.arrays, self.where, self.who, self.remedy = arrays, where, who, remedy

    def wrong(self, found: str, needed: str) -> FileFormatError:
        """Return the error that says what was found and what is needed."""
        return FileFormatError(f"{self.where}, {found}, but {self.who} needs {needed}. {self.remedy}")

    def _array(self, name: str, kinds: str, what: str, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
        array = self.arrays.get(name)
        if array is None:
            raise self.wrong(f"which lacks {name}", "it")
        fits = array.ndim == len(shape) and all(n is None or n == m for n, m in zip(shape, array.shape, strict=True))
        if array.dtype.kind not in kinds or not fits:
            axes = ", ".join("any" if n is None else str(n) for n in shape)
            raise self.wrong(
                f"whose {name} has dtype {array.dtype} and shape {array.shape}",
                f"{what} of shape ({axes}{',' * (len(shape) == 1)})",
            )
        return array

    def floats(self, name: str, *shape: int | None) -> npt.NDArray[np.float64]:
        """Return an array of finite floats of this shape; None stands for any length."""
        array = np.ascontiguousarray(self._array(name, "f", "floats", shape), dtype=np.float64)
        if not np.isfinite(array).all():
            raise self.wrong(f"whose {name} holds NaN or infinite values", "finite ones")
        return array

    def booleans(self, name: str, *shape: int | None) -> npt.NDArray[np.bool_]:
        """Return an array of booleans of this shape."""
        return np.ascontiguousarray(self._array(name, "b", "booleans", shape))

    def integers(self, name: str, dtype: npt.DTypeLike, low: int, stop: int, *shape: int | None) -> npt.NDArray[Any]:
        """Return an array of integers from `low` to `stop` - 1, as `dtype`."""
        array = self._array(name, "iu", "integers", shape)
        if array.size and (int(array.min()) < low or int(array.max()) >= stop):
            needed = f"numbers from {low} to {stop - 1}" if stop > low else "none"
            raise self.wrong(f"whose {name} holds numbers from {array.min()} to {array.max()}", needed)
        return np.ascontiguousarray(array, dtype=dtype)

    def offsets(self, name: str, end: int, least: int, count: int | None = None) -> npt.NDArray[np.int64]:
        """Return offsets from 0 to `end`, each by at least `least` above the one before it, for `count` things."""
        array = self.integers(name, np.int64, 0, end + 1, None if count is None else count + 1)
        if array.size < 1 or array[0] != 0 or array[-1] != end or (np.diff(array) < least).any():
            raise self.wrong(f"whose {name} does not ascend from 0 to {end} in steps of {least} at least", "offsets")
        return array

    def text(self, name: str) -> str:
        """Return a single text."""
        return str(self._array(name, "U", "text", ()))

    def texts(self, name: str, count: int) -> list[str]:
        """Return that many texts."""
        return [str(text) for text in self._array(name, "U", "texts", (count,))]

    def mapping(self, name: str) -> dict[str, Any]:
        """Return what a text says in JSON, which must be an object."""
        text = self.text(name)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.wrong(f"whose {name} is no JSON ({error})", "it") from None
        if not isinstance(found, dict):
            raise self.wrong(f"whose {name} is {text[:_ASIDE]!r}", "an object in JSON")
        return found


def complex_of(
    saved: SavedArrays, n_breakpoints: npt.NDArray[np.int32], *, patterns: bool = True
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that polygons in a plane have in every file: vertices, edges, corners, neurons, patterns."""
    vertices = saved.floats("vertices", None, 2)
    edges = saved.integers("edges", np.int32, 0, len(vertices), None, 2)
    face_vertices = saved.integers("face_vertices", np.int32, 0, len(vertices), None)
    offsets = saved.offsets("face_offsets", len(face_vertices), 3)
    if offsets.size < 2:
        raise saved.wrong("which has no region", "one at least")
    most = int(n_breakpoints.max(initial=0))
    found = {
        "vertices": vertices,
        "edges": edges,
        "edge_neuron": saved.integers("edge_neuron", np.int32, -1, n_breakpoints.size, len(edges)),
        "edge_breakpoint": saved.integers("edge_breakpoint", np.int32, -1, most, len(edges)),
        "face_offsets": offsets,
        "face_vertices": face_vertices,
        "face_edges": saved.integers("face_edges", np.int32, 0, len(edges), len(face_vertices)),
    }
    if patterns:
        found["pattern_words"] = words_of(saved, n_breakpoints, offsets.size - 1)
    return found


def words_of(saved: SavedArrays, n_breakpoints: npt.NDArray[np.int32], n_regions: int) -> npt.NDArray[np.uint64]:
    """Return packed patterns, a bit for each switch of each region."""
    words = saved.integers("pattern_words", np.uint64, 0, 1 << 64, n_regions, None)
    n_switches = int(n_breakpoints.sum())
    if 64 * words.shape[1] < n_switches:
        found = f"whose pattern_words has {words.shape[1]} words for a region"
        raise saved.wrong(found, f"a bit for each of {n_switches} switches")
    return words


def switches_of(
    saved: SavedArrays, n_breakpoints: npt.NDArray[np.int32], ends: tuple[float, float]
) -> dict[str, npt.NDArray[Any]]:
    """Return what a file says of the switches along a line, whose parameters go from one of `ends` to the other."""
    breakpoints = saved.floats("breakpoints", None)
    # Certified ones that no float parts are the same.
    if (np.diff(breakpoints) < 0).any() or (breakpoints < ends[0]).any() or (breakpoints > ends[1]).any():
        raise saved.wrong(f"whose breakpoints do not ascend from {ends[0]:g} to {ends[1]:g}", "them in order")
    n_neurons, most = n_breakpoints.size, int(n_breakpoints.max(initial=0))
    neurons = saved.integers("switch_neurons", np.int32, 0, n_neurons, None)
    found = {
        "breakpoints": breakpoints,
        "is_linear_boundary": saved.booleans("is_linear_boundary", len(breakpoints)),
        "first_pattern": saved.integers("first_pattern", np.uint8, 0, most + 1, n_neurons),
        "switch_offsets": saved.offsets("switch_offsets", len(neurons), 1, len(breakpoints)),
        "switch_neurons": neurons,
        "switch_breakpoints": saved.integers("switch_breakpoints", np.int32, 0, most, len(neurons)),
        "switch_directions": saved.integers("switch_directions", np.int8, -1, 2, len(neurons)),
    }
    # The piece that each neuron is on after each of its switches, and before the first.
    order = np.argsort(neurons, kind="stable")
    steps = np.append(0, np.cumsum(found["switch_directions"][order], dtype=np.int64))
    before = steps[np.searchsorted(neurons[order], neurons[order])]
    pieces = found["first_pattern"][neurons[order]] + steps[1:] - before
    if (
        not found["switch_directions"].all()
        or (found["first_pattern"] > n_breakpoints).any()
        or (pieces < 0).any()
        or (pieces > n_breakpoints[neurons[order]]).any()
        or (found["switch_breakpoints"] >= n_breakpoints[neurons]).any()
    ):
        raise saved.wrong("whose switches lead to pieces that its activations do not have", "them consistent")
    return found
