"""Regions on disk, in parts that are read when they are asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.archives import read_archive
from linregions._support.files import as_path, read_npz, replacing, tell_unchecked
from linregions._support.fingerprints import checksum_of_mapping, digest_of_source
from linregions._support.saved_arrays import SavedArrays
from linregions._support.shown import Told
from linregions._support.validation import FloatArray, as_integer
from linregions.domains.windows import PlaneWindow
from linregions.errors import FileFormatError, InvalidValueError, MissingDependencyError
from linregions.networks.network import Network
from linregions.networks.switches import breakpoints_of_neurons, unpack_patterns
from linregions.regions.files import unpack_network, unpack_window
from linregions.regions.planes.sink import BatchRecord
from linregions.regions.planes.sinks.stream_parts import PART_NAME, REMEDY, parquet_module, read_part

MANIFEST, SOURCE, PARTS = "regions.json", "network-and-window.npz", "parts"


class StreamedRegions(Told):
    """The regions of a window in a folder that `RegionStream` wrote, as one.

    Get it from `linregions.partition` with that sink, or from `StreamedRegions.open`. Parts are read when they are
    asked for, and no more than one is kept.

    Parameters
    ----------
    folder : pathlib.Path
    manifest : dict
        What ``regions.json`` says.

    Notes
    -----
    Region k has the same number in every run. Regions are whole, but vertices and edges between cells are in
    two parts. With Parquet parts, ``pyarrow.dataset.dataset(folder / "parts")``, polars or pandas read the table.

    Examples
    --------
    >>> import tempfile
    >>> import linregions as lr
    >>> net = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
    >>> window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lr.partition(net, window, sink=lr.RegionStream(folder))
    ...     regions = lr.StreamedRegions.open(folder)
    ...     len(regions) == lr.count_regions(net, window), regions.polygon(0).shape[1]
    StreamedRegions(325 regions in 1 part)
    (True, 2)
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest
        self.n_regions: int = manifest["n_regions"]
        self.n_vertices: int = manifest["n_vertices"]
        self.n_edges: int = manifest["n_edges"]
        self.diagnostics: dict[str, Any] = manifest["diagnostics"]
        self._names = [entry["name"] for entry in manifest["parts_written"]]
        self._checksums = [entry.get("checksum") for entry in manifest["parts_written"]]
        self._starts = np.cumsum([0, *(entry["regions"] for entry in manifest["parts_written"])])
        self._open: tuple[int, dict[str, npt.NDArray[Any]]] | None = None

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> StreamedRegions:
        """Open a folder.

        Raises
        ------
        InvalidValueError
            If there is none, or its run was not finished.
        FileFormatError
            If it holds something else.
        """
        who = "StreamedRegions.open"
        path = as_path(folder, "folder", who)
        manifest = read_manifest(path, who)
        if "n_regions" not in manifest:
            raise InvalidValueError(
                f"`folder` is {os.fspath(path)!r}, where a run was stopped early, but {who} needs a whole one. "
                "Make the same call of `partition` again: it goes on where it was."
            )
        if "checksum" not in manifest:
            tell_unchecked(path / MANIFEST, who, "Make the same call of `partition` again: it writes the checksums.")
        return cls(path, manifest)

    @cached_property
    def _source(self) -> dict[str, npt.NDArray[Any]]:
        arrays = read_npz(self.folder / SOURCE, "StreamedRegions")
        if digest_of_source(arrays) != self.manifest["source"]:
            raise FileFormatError(
                f"`folder` is {os.fspath(self.folder)!r}, whose {SOURCE} is not what was written (its digest differs), "
                "but StreamedRegions needs it whole. Make the same call of `partition` again: it writes it anew."
            )
        return arrays

    @cached_property
    def network(self) -> Network:
        """The network."""
        return unpack_network(self._source, self.folder / SOURCE, "StreamedRegions")

    @cached_property
    def window(self) -> PlaneWindow:
        """The window."""
        where = f"`folder` is {os.fspath(self.folder)!r}"
        return unpack_window(SavedArrays(self._source, where, "StreamedRegions", REMEDY))

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return len(self._names)

    def part(self, number: int) -> dict[str, npt.NDArray[Any]]:
        """Read a part.

        Returns
        -------
        dict of ndarray
            ``areas``, ``perimeters``, ``face_offsets``, ``corners`` (sides, 2), ``pattern_words``; from NPZ parts also
            ``vertices``, ``edges``, ``edge_neuron``, ``edge_breakpoint``, ``edge_is_shared``, ``face_vertices`` and
            ``face_edges``, numbered within the part (see `PlanePartition`).

        Raises
        ------
        InvalidValueError
            If there is no part of this number, or its file is gone.
        FileFormatError
            If its file is damaged.
        """
        number = as_integer(number, "number", "StreamedRegions.part", 0)
        if number >= self.n_parts:
            raise InvalidValueError(
                f"`number` is {number}, but StreamedRegions.part needs one below the number of parts, {self.n_parts}. "
                "Give a smaller number."
            )
        if self._open is None or self._open[0] != number:
            path = self.folder / PARTS / self._names[number]
            if not path.is_file():
                raise InvalidValueError(
                    f"`folder` is {os.fspath(self.folder)!r}, where {path.name} is missing, but StreamedRegions needs "
                    "all parts. Make the same call of `partition` again: it writes what is missing."
                )
            breakpoints = breakpoints_of_neurons(self.network)
            part = read_part(path, self._checksums[number], breakpoints, self.manifest["patterns"])
            n_regions = int(self._starts[number + 1] - self._starts[number])
            if part["areas"].size != n_regions:
                raise FileFormatError(
                    f"`folder` has the part {os.fspath(path)!r} with {part['areas'].size} regions, but StreamedRegions "
                    f"needs the {n_regions} that {MANIFEST} tells. {REMEDY}"
                )
            self._open = number, part
        return self._open[1]

    def _gather(self, name: str) -> npt.NDArray[Any]:
        return np.concatenate([self.part(k)[name] for k in range(self.n_parts)])

    @cached_property
    def areas(self) -> FloatArray:
        """Euclidean area of every region, shape (F,)."""
        return self._gather("areas")

    @cached_property
    def perimeters(self) -> FloatArray:
        """Euclidean perimeter of every region, shape (F,)."""
        return self._gather("perimeters")

    def _locate(self, region: int) -> tuple[dict[str, npt.NDArray[Any]], int]:
        number = as_integer(region, "region", "StreamedRegions", 0)
        if number >= self.n_regions:
            raise InvalidValueError(
                f"`region` is {number}, but StreamedRegions needs one below the number of regions, {self.n_regions}. "
                "Give a smaller number."
            )
        k = int(np.searchsorted(self._starts, number, side="right")) - 1
        return self.part(k), number - int(self._starts[k])

    def polygon(self, region: int) -> FloatArray:
        """Return the corners of a region in plane coordinates, shape (sides, 2), counter-clockwise."""
        part, k = self._locate(region)
        return np.asarray(part["corners"][part["face_offsets"][k] : part["face_offsets"][k + 1]])

    def pattern(self, region: int) -> npt.NDArray[np.uint8]:
        """Return the linear piece of every neuron in a region, shape (n_neurons,).

        Raises
        ------
        InvalidValueError
            If patterns were not written.
        """
        part, k = self._locate(region)
        if not self.manifest["patterns"]:
            raise InvalidValueError(
                f"`folder` is {os.fspath(self.folder)!r}, which has no patterns, but `pattern` needs them. "
                "Write it with `RegionStream(folder, patterns=True)`."
            )
        return np.asarray(unpack_patterns(self.network, part["pattern_words"][k : k + 1])[0])

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the regions into one image, part by part; see `linregions.plotting.plot_stream` for the options.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed (``pip install 'linregions[plot]'``).
        """
        from linregions.plotting import plot_stream

        return plot_stream(self, ax, **options)

    def to_axes(self, points: npt.ArrayLike) -> FloatArray:
        """Return where points of the input space lie in pictures of these regions; see `PlanePartition.to_axes`."""
        return self.window.to_axes(points)

    def __iter__(self) -> Iterator[FloatArray]:
        """Yield the corners of every region in order."""
        for k in range(self.n_parts):
            part = self.part(k)
            yield from np.split(part["corners"], part["face_offsets"][1:-1])

    def __len__(self) -> int:
        return self.n_regions

    def _facts(self) -> dict[str, Any]:
        return {"activation regions": self.n_regions, "parts": self.n_parts, "network": repr(self.network)}

    def __repr__(self) -> str:
        return f"StreamedRegions({self.n_regions:,} regions in {self.n_parts} part{'s' if self.n_parts > 1 else ''})"


def read_manifest(folder: Path, who: str) -> dict[str, Any]:
    """Read what a folder says of itself."""
    path = folder / MANIFEST
    if not path.is_file():
        raise InvalidValueError(
            f"`folder` is {os.fspath(folder)!r}, which has no {MANIFEST}, but {who} needs a folder that RegionStream "
            "wrote. Check the spelling and the current folder."
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        trouble = _trouble_with(found)
    except (OSError, ValueError, RecursionError) as error:
        trouble = str(error)
    if trouble:
        raise FileFormatError(
            f"`folder` is {os.fspath(folder)!r}, whose {MANIFEST} is damaged ({trouble}), but {who} needs it whole. "
            "Remove the folder and write it again."
        )
    return dict(found)


def _trouble_with(manifest: Any) -> str:
    """Return what is wrong with what a folder says of itself, nothing if it can be relied on."""
    if not isinstance(manifest, dict) or not str(manifest.get("format")).startswith("linregions-regions-"):
        return "another format"
    if "checksum" in manifest:  # not in folders of earlier versions
        if manifest["checksum"] != checksum_of_mapping(manifest):
            return "its checksum differs"
    elif manifest["format"] != "linregions-regions-1":
        return "it lacks its checksum"
    kinds: dict[str, type] = {"source": str, "parts": str, "patterns": bool, "cells_in_part": int}
    if "n_regions" in manifest:  # of a run that was finished
        kinds |= {"n_regions": int, "n_vertices": int, "n_edges": int, "diagnostics": dict, "parts_written": list}
    for key, kind in kinds.items():
        if type(manifest.get(key)) is not kind or (kind is int and manifest[key] < 0):
            return f"{key} is {str(manifest.get(key, 'missing'))[:40]}"
    parts = manifest.get("parts_written", [])
    for entry in parts:
        if not isinstance(entry, dict) or not PART_NAME.fullmatch(str(entry.get("name"))):
            return f"a part is {str(entry)[:40]}"
        if type(entry.get("regions")) is not int or entry["regions"] < 0:
            return f"{entry['name']} has {str(entry.get('regions'))[:40]} regions"
    total = sum(entry["regions"] for entry in parts)
    if "n_regions" in manifest and (total != manifest["n_regions"] or not total):
        return f"its parts have {total} regions, not {manifest['n_regions']}"
    return ""


def write_manifest(folder: Path, about: dict[str, Any]) -> None:
    """Write what a folder says of itself."""
    about = {**about, "checksum": checksum_of_mapping(about)}
    with replacing(folder / MANIFEST, "RegionStream", "folder") as temporary:
        temporary.write_text(json.dumps(about, indent=1), encoding="utf-8")


def read_record(path: Path) -> BatchRecord | None:
    """Return what the engine noted of the cells of a part; None if it is not there or damaged."""
    if not path.is_file():
        return None
    try:
        if path.suffix == ".npz":
            arrays, _ = read_archive(path, lambda name: name.startswith("record_"))
        else:
            text = parquet_module().read_schema(path).metadata[b"linregions"]
            arrays = {name: np.asarray(value) for name, value in json.loads(text).items()}
        return BatchRecord(
            arrays["record_sizes"],
            arrays["record_runs"].reshape(2, -1).astype(np.int64),
            int(arrays["record_snapped"]),
            int(arrays["record_merged"]),
            float(arrays["record_margin"]),
            int(arrays["record_undecided"]),
        )
    except MissingDependencyError:
        raise
    except Exception:  # a damaged file makes the readers raise nearly anything; the part is written again
        return None
