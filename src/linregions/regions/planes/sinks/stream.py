"""Regions written to disk as they are found, in parts that open lazily and as one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.archives import write_archive
from linregions._support.files import as_path, read_npz, replacing
from linregions._support.fingerprints import checksum_of_file, digest_of_source
from linregions._support.validation import as_choice, require
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidValueError, LinRegionsError
from linregions.networks.network import Network
from linregions.networks.switches import breakpoints_of_neurons, bytes_of_words, has_maxima, switch_tables
from linregions.regions.files import pack_network, pack_window
from linregions.regions.planes.edge_names import name_edges
from linregions.regions.planes.kernels.workspace import N_FACES, SWITCH, A, E, V
from linregions.regions.planes.sink import BatchRecord, IndexArray, PlaneSummary, RegionBatch, Sink
from linregions.regions.planes.sinks import streamed as streamed
from linregions.regions.planes.sinks.sizes import measure
from linregions.regions.planes.sinks.stream_parts import checksum_in, read_part
from linregions.regions.planes.sinks.streamed import MANIFEST, PARTS, SOURCE, StreamedRegions

FORMAT = "linregions-regions-2"
_FORMATS = ("linregions-regions-1", FORMAT)  # the first without checksums
_CELLS_IN_PART = 64


class RegionStream(Sink):
    """Write the regions of a window to a folder, part by part; nothing is kept in memory.

    Pass it as ``sink`` to `linregions.partition`, which then returns `StreamedRegions`. A run that was stopped
    goes on where it was when the same call is made again.

    Parameters
    ----------
    folder : str or path-like
        Where the parts go; made if missing.
    format : {"npz", "parquet"}
        Parts as NPZ files; or as Parquet with one row for each region: any data frame library opens the folder
        ``parts`` as one table (extra ``io``).
    patterns : bool
        Whether to write the activation patterns, one bit for each switch.

    Notes
    -----
    Parts are written before the regions beside them are known. So where a comparison of a maximum that loses ends on an
    edge, a vertex stays within the straight side, and counts; `RegionStatistics` and `PlanePartition` have no such
    vertices. Edges between two cells are named by a neuron of the first layer, also where others switch with it.

    Raises
    ------
    InvalidValueError
        If the folder holds the regions of another network, window or tolerance, or cannot be written.
    MissingDependencyError
        For ``"parquet"`` without pyarrow.

    Examples
    --------
    >>> import tempfile
    >>> import linregions as lr
    >>> net = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
    >>> window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     regions = lr.partition(net, window, sink=lr.RegionStream(folder))
    ...     regions.n_regions == lr.count_regions(net, window), round(float(regions.areas.sum()), 12)
    (True, 4.0)
    """

    #: A part has the same cells in every run, however many threads there are.
    cells_in_batch = _CELLS_IN_PART

    def __init__(self, folder: str | os.PathLike[str], *, format: str = "npz", patterns: bool = True) -> None:
        who = "RegionStream"
        # In full, since workers of an executor may have another current folder.
        self.folder = as_path(folder, "folder", who).absolute()
        self.format = as_choice(format, "format", who, ("npz", "parquet"))
        self.patterns = self.needs_patterns = bool(patterns)
        if self.format == "parquet":
            require("pyarrow", "io", who, lambda: __import__("pyarrow.parquet"))

    def begin(self, network: Network, window: PlaneWindow, relative_tolerance: float) -> None:
        """Make the folder, or find what an earlier run left there."""
        source = pack_window(window) | pack_network(network)
        self.needs_patterns = self.patterns or not network.is_chain  # only these tell which neuron an edge is of
        self._has_maxima = has_maxima(network)
        about: dict[str, Any] = {
            "format": FORMAT,
            "parts": self.format,
            "patterns": self.patterns,
            "cells_in_part": self.cells_in_batch,
            "source": digest_of_source(source),
        }
        self._parts: list[dict[str, Any]] = []
        self._n_breakpoints = breakpoints_of_neurons(network)
        if self.attempt == 1:
            about["relative_tolerance"] = relative_tolerance
            self._about = about
            self._find_earlier(about)
            if self._is_damaged(SOURCE, about["source"]):
                path = self.folder / SOURCE
                with replacing(path, "RegionStream", "folder") as temporary:
                    # Without a checksum of its own, since the manifest has it, and earlier versions compare all arrays.
                    write_archive(temporary, source, packed=False, seal=False)
            if not (self.folder / MANIFEST).is_file():
                streamed.write_manifest(self.folder, about)
        self._there: dict[str, list[str]] = {}
        for path in (self.folder / PARTS).glob(f"part-{self.attempt}-*.{self.format}"):
            self._there.setdefault("-".join(path.stem.split("-")[:3]), []).append(path.name)

    def _find_earlier(self, about: dict[str, Any]) -> None:
        """Make sure that what the folder has, if anything, is of the same regions; take its checksums."""
        self._checksums: dict[str, str | None] = {}
        if (self.folder / MANIFEST).is_file():
            there = streamed.read_manifest(self.folder, "RegionStream")
            other = [key for key, value in about.items() if key != "format" and there.get(key) != value]
            if there["format"] not in _FORMATS:
                other.append("format")
            if other:
                raise InvalidValueError(
                    f"`folder` is {os.fspath(self.folder)!r}, which holds regions of another run (another "
                    f"{', '.join(other)}), but RegionStream needs an empty folder or one of its own. "
                    "Choose another folder, or remove this one."
                )
            self._checksums = {entry["name"]: entry.get("checksum") for entry in there.get("parts_written", [])}
            return
        foreign = sorted(path.name for path in (self.folder / PARTS).glob("part-*"))
        if foreign:  # the manifest comes before any part
            raise InvalidValueError(
                f"`folder` is {os.fspath(self.folder)!r}, which has {PARTS}/{foreign[0]} without {MANIFEST}, but "
                "RegionStream needs an empty folder or one of its own. Choose another folder, or remove this one."
            )

    def _is_damaged(self, name: str, digest: str) -> bool:
        """Return whether a file of network and window is not there, or not what this digest is of."""
        try:
            return digest_of_source(read_npz(self.folder / name, "RegionStream")) != digest
        except LinRegionsError:
            return True

    def _path(self, cells: IndexArray) -> Path:
        # Should all work be done once more with other cells, parts of the first attempt must not be taken for its own.
        return self.folder / PARTS / f"part-{self.attempt}-{int(cells[0]):09d}.{self.format}"

    def earlier(self, cells: IndexArray) -> tuple[BatchRecord, Any] | None:
        """Return what an earlier run noted of these cells, if their part is there and whole."""
        for name in self._there.get(self._path(cells).stem, ()):
            path = self.folder / PARTS / name
            expected = checksum_in(name) or self._checksums.get(name)
            try:
                found = checksum_of_file(path)
                if expected is None:  # of an earlier version: all of it has to be looked at
                    read_part(path, None, self._n_breakpoints, self.patterns)
                elif found != expected:
                    continue
            except (LinRegionsError, OSError):
                continue
            record = streamed.read_record(path)
            if record is not None:
                return record, (name, int(record.sizes[N_FACES]), found)
        return None

    def digest(self, batch: RegionBatch) -> Any:
        """Write a part."""
        path, found = self._path(batch.cells), ""

        def named(made: Path) -> str:
            nonlocal found
            found = checksum_of_file(made)
            return f"{path.stem}-{found}{path.suffix}"

        with replacing(path, "RegionStream", "folder", named) as temporary:
            if self.format == "npz":
                _write_npz(temporary, batch, patterns=self.patterns)
            else:
                _write_parquet(temporary, batch, patterns=self.patterns)
        return f"{path.stem}-{found}{path.suffix}", batch.n_regions, found

    def collect(self, digested: Any) -> None:
        """Note the part."""
        name, n_regions, found = digested
        self._parts.append({"name": name, "regions": n_regions, "checksum": found})

    def finish(self, summary: PlaneSummary) -> StreamedRegions:
        """Write what the parts are together; return them."""
        whole = {
            **self._about,
            "parts_written": self._parts,
            "n_regions": summary.n_regions,
            # Of lines of comparisons that bound no region, vertices may be counted that no edge has.
            "n_vertices": 1 + summary.n_edges - summary.n_regions if self._has_maxima else summary.n_vertices,
            "n_edges": summary.n_edges,
            "diagnostics": summary.diagnostics,
        }
        streamed.write_manifest(self.folder, whole)
        kept = {entry["name"] for entry in self._parts}
        for path in (self.folder / PARTS).glob(
            "*part-*"
        ):  # with what a killed run left half-written, whose names are longer
            if path.name not in kept:
                path.unlink(missing_ok=True)
        return StreamedRegions.open(self.folder)


def _record_arrays(record: BatchRecord) -> dict[str, npt.NDArray[Any]]:
    return {f"record_{name}": np.asarray(value) for name, value in record._asdict().items()}


def _name_inner_edges(batch: RegionBatch, neurons: npt.NDArray[np.int32], breakpoints: npt.NDArray[np.int32]) -> None:
    """Name edges within cells as `PlanePartition` does; those between two cells are lines of the first layer."""
    faces = np.full((batch.edge.shape[1], 2), -1)
    owner = np.repeat(np.arange(batch.n_regions), np.diff(batch.face_offsets))
    faces[batch.side[E], (batch.edge[A, batch.side[E]] != batch.side[V]).astype(np.int64)] = owner
    inner = np.flatnonzero((faces >= 0).all(axis=1))
    named = neurons[inner], breakpoints[inner]
    name_edges(batch.network, batch.pattern_words, faces[inner], *named)
    neurons[inner], breakpoints[inner] = named


def _write_npz(path: Path, batch: RegionBatch, *, patterns: bool) -> None:
    neuron_of, breakpoint_of = switch_tables(batch.network)
    neurons, breakpoints = neuron_of[batch.edge[SWITCH]], breakpoint_of[batch.edge[SWITCH]]
    if batch.pattern_words.size and not batch.network.is_chain:
        _name_inner_edges(batch, neurons, breakpoints)
    measures = measure(batch)
    arrays = {
        "vertices": batch.vertices,
        "edges": np.ascontiguousarray(batch.edge[:2].T),
        "edge_neuron": neurons,
        "edge_breakpoint": breakpoints,
        "edge_is_shared": batch.edge_is_shared,
        "face_offsets": batch.face_offsets,
        "face_vertices": batch.side[V],
        "face_edges": batch.side[E],
        "pattern_words": batch.pattern_words if patterns else batch.pattern_words[:0],
        "areas": measures.areas,
        "perimeters": measures.perimeters,
    }
    # The checksum of the whole file goes into its name.
    write_archive(path, {**arrays, **_record_arrays(batch.record)}, packed=False, seal=False)


def _write_parquet(path: Path, batch: RegionBatch, *, patterns: bool) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    measures = measure(batch)
    offsets = pa.array(batch.face_offsets)
    corners = batch.vertices[batch.side[V]]
    columns = {
        "area": pa.array(measures.areas),
        "perimeter": pa.array(measures.perimeters),
        "sides": pa.array(np.diff(batch.face_offsets)),
        "corner_u": pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(corners[:, 0]))),
        "corner_v": pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(corners[:, 1]))),
    }
    if batch.pattern_words.size and patterns:
        little = bytes_of_words(batch.pattern_words)
        columns["pattern"] = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(little.shape[1]), little.shape[0], [None, pa.py_buffer(little.tobytes())]
        )
    record = {name: array.tolist() for name, array in _record_arrays(batch.record).items()}
    table = pa.table(columns).replace_schema_metadata({"linregions": json.dumps(record)})
    parquet.write_table(table, path)
