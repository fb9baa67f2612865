"""Proofs that a partition of a window is right, whatever made it, and certificates that say so."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import write_npz
from linregions.errors import NumericalError
from linregions.exact.checker import CERTIFICATE
from linregions.exact.planes.border import sides_of
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.proof import Asked, Proof, prove
from linregions.exact.planes.proposal import Proposal, Refuted
from linregions.networks.switches import canonical_words
from linregions.regions.files import pack_network, pack_window
from linregions.regions.planes.quick_proofs import proved_quickly

IndexArray = npt.NDArray[np.intp]
Claim = Any  # a PlanePartition, which has what is here as a method


def judge_compiled(asked: Asked, strict: npt.NDArray[np.bool_]) -> tuple[IndexArray, IndexArray]:
    """Judge switches with compiled code."""
    from linregions.regions.planes.kernels.signs import judge_switches

    *fields, first = asked
    room = 4 * asked.x.size + 64
    while True:
        rows, columns = np.empty((2, room), dtype=np.intp)
        count = judge_switches(*map(np.ascontiguousarray, fields), first, strict, rows, columns)
        if count <= room:
            return rows[:count], columns[:count]
        room = count


def prove_partition(part: Claim, threads: int = 1) -> tuple[Proof, Proposal]:
    """Prove that a partition is right, whatever made it; return what took that, and what it claims.

    Raises
    ------
    Refuted
        If it is not, or cannot be proved.
    """
    window, words = part.window, canonical_words(part.network, part.pattern_words)
    frame = Frame.of(window.origin, window.basis, window.polygon)
    refuted = Refuted("its border is not that of the window")
    for sides in sides_of(window.polygon, part.vertices, part.edges, part.edge_faces):
        proposal = Proposal(
            part.edges, part.edge_faces, sides, part.face_offsets, part.face_vertices, part.face_edges, words
        )
        try:
            found = proved_quickly(part.network, frame, proposal, frame.local(part.vertices))
            return found or prove(part.network, frame, proposal, judge_compiled, threads), proposal
        except Refuted as error:
            refuted = error
    raise refuted


def write_certificate(path: str | os.PathLike[str], part: Claim) -> None:
    """Write what proves a partition, whole or not at all."""
    who = "PlanePartition.save_certificate"
    try:
        _, proposal = prove_partition(part)
    except Refuted as error:
        raise NumericalError(
            f"`self` cannot be proved ({error}), but {who} needs a partition that is right. "
            "Make it with `partition(..., certify=True)`."
        ) from None
    arrays = {"format": np.array(CERTIFICATE), **proposal._asdict()}
    write_npz(path, arrays | pack_window(part.window) | pack_network(part.network), who)
