"""Check certificates: from what lies beside what, and exact arithmetic, without the engines that made them.

A certificate of a window (`PlanePartition.save_certificate`) holds a network, a window, the cycles of edges round all
regions, and their patterns. That these are the activation regions, each once and none missing, follows from signs at
vertices; `docs/certified.md` has the theorem. Nothing of what finds regions is used here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from linregions._support.files import read_npz
from linregions._support.saved_arrays import SavedArrays
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.exact.bounds import check_arithmetic
from linregions.exact.planes.border import sides_of
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.naming import names_of
from linregions.exact.planes.proof import prove
from linregions.exact.planes.proposal import IntArray, Proposal, Refuted
from linregions.networks.network import Network, network_from_arrays, network_to_arrays
from linregions.networks.switches import canonical_words, unpack_patterns

#: What a certificate of a window calls itself.
CERTIFICATE = "linregions-plane-certificate-1"
# And what a saved partition does.
_PARTITION = "linregions-plane-1"
_REMEDY = "Write it again with `PlanePartition.save_certificate`."


class Verified(NamedTuple):
    """What a certificate proves.

    Parameters
    ----------
    network : Network
    window : PlaneWindow
    n_regions, n_vertices, n_edges : int
        Activation regions, and vertices and edges, those on the window's border included.
    n_exact : int
        How many decisions were left to integer arithmetic; floats with rigorous bounds took the others.
    """

    network: Network
    window: PlaneWindow
    n_regions: int
    n_vertices: int
    n_edges: int
    n_exact: int


def verify(path: str | os.PathLike[str], network: Network | None = None) -> Verified:
    """Check the certificate of a window, or a saved partition of one.

    Parameters
    ----------
    path : str or path-like
        A file written by `PlanePartition.save_certificate`, or by `PlanePartition.save`. Of the latter all is checked
        but the coordinates, the neurons and breakpoints of edges included.
    network : Network, optional
        What the certificate shall be of; it must be the same numbers.

    Returns
    -------
    Verified

    Raises
    ------
    InvalidValueError
        If there is no such file, or it is of another network.
    FileFormatError
        If the file is damaged or foreign, or what it claims is wrong or not proved.

    Notes
    -----
    Takes about 20 times as long as finding the regions, and memory that grows with their number.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import linregions as lr
    >>> from linregions.exact.checker import verify
    >>> net = lr.random_network([2, 8, 8, 1], 0, bias_variance=0.1)
    >>> part = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]), certify=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     part.save_certificate(pathlib.Path(folder) / "window.npz")
    ...     verify(pathlib.Path(folder) / "window.npz", net).n_regions == part.n_regions
    True
    """
    who = "verify"
    check_arithmetic()
    arrays = read_npz(path, who)
    saved = SavedArrays(arrays, f"`path` is {os.fspath(path)!r}", who, _REMEDY)
    form = str(arrays.get("format", ""))
    if form not in (CERTIFICATE, _PARTITION):
        raise saved.wrong("which is no certificate and no partition of a window", "one of them")
    inner = {key[8:]: array for key, array in arrays.items() if key.startswith("network_")}
    found = network_from_arrays(inner, path, who)
    try:
        window = PlaneWindow(
            saved.floats("window_origin", None),
            saved.floats("window_basis", 2, None),
            saved.floats("window_polygon", None, 2),
        )
    except (InvalidValueError, InvalidTypeError) as error:
        raise saved.wrong(f"which garbles its window ({error})", "one that is sound") from None
    if window.n_in != found.n_in:
        raise saved.wrong(f"whose window lies in {window.n_in} dimensions", f"the network's {found.n_in}")
    if network is not None and not _same(found, network):
        raise InvalidValueError(
            f"`network` is not the one that {os.fspath(path)!r} is of, but {who} needs the same numbers. "
            "Give the network that was partitioned, or none."
        )
    frame = Frame.of(window.origin, window.basis, window.polygon)
    reason = "its border is not that of the window"
    for proposal in _proposals_in(saved, form, found, window):
        try:
            if form == _PARTITION:
                _check_names(saved, found, proposal)
            proof = prove(found, frame, proposal)
        except Refuted as error:
            reason = str(error)
            continue
        n_vertices, n_edges = int(proposal.edges.max()) + 1, proposal.edges.shape[0]
        return Verified(found, window, proof.n_regions, n_vertices, n_edges, proof.n_exact)
    raise saved.wrong(f"whose claim does not hold: {reason}", "a right one")


def _proposals_in(saved: SavedArrays, form: str, network: Network, window: PlaneWindow) -> Iterator[Proposal]:
    """Yield what a file claims; a partition does not say on which side of the window its borders are."""
    most = np.iinfo(np.int32).max
    edges = saved.integers("edges", np.int32, 0, most, None, 2)
    n_edges = len(edges)
    corners = saved.integers("face_vertices", np.int32, 0, most, None)
    name = "words" if form == CERTIFICATE else "pattern_words"
    words = saved.arrays.get(name)
    if words is None or words.dtype != np.uint64 or words.ndim != 2:
        raise saved.wrong(f"which lacks {name}, or garbles them", "the words of patterns")
    n_faces = len(words)
    edge_faces = saved.integers("edge_faces", np.int32, -1, n_faces, n_edges, 2)
    offsets = saved.integers("face_offsets", np.int64, 0, len(corners) + 1, n_faces + 1)
    along = saved.integers("face_edges", np.int32, 0, n_edges, len(corners))
    if form == CERTIFICATE:
        sides: Iterable[IntArray] = [saved.integers("edge_side", np.int32, -1, most, n_edges)]
    else:
        vertices = saved.floats("vertices", None, 2)
        saved.integers("edges", np.int32, 0, len(vertices), n_edges, 2)
        sides = sides_of(window.polygon, vertices, edges, edge_faces)
    if form == _PARTITION:
        words = canonical_words(network, words)
    for side in sides:
        yield Proposal(edges, edge_faces, side, offsets, corners, along, words)


def _check_names(saved: SavedArrays, network: Network, proposal: Proposal) -> None:
    """Check neurons and breakpoints of a saved partition's edges."""
    n_edges = len(proposal.edges)
    patterns = unpack_patterns(network, proposal.words)
    for name, right in zip(("edge_neuron", "edge_breakpoint"), names_of(patterns, proposal.edge_faces), strict=True):
        if not np.array_equal(saved.integers(name, np.int32, -1, np.iinfo(np.int32).max, n_edges), right):
            raise Refuted(f"an edge has another {name} than the patterns beside it say")


def _same(one: Network, other: Network) -> bool:
    first, second = network_to_arrays(one), network_to_arrays(other)
    return first.keys() == second.keys() and all(
        first[key].dtype == second[key].dtype and np.array_equal(first[key], second[key]) for key in first
    )


__all__ = ["CERTIFICATE", "Verified", "verify"]
