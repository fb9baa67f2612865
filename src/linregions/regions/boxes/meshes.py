"""Surfaces as files that other programs read, by trimesh."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from linregions._support.files import replacing
from linregions._support.validation import require
from linregions.errors import InvalidValueError

#: Endings of files.
MESH_FORMATS = ("ply", "obj", "stl")


def to_trimesh(surface: Any, who: str) -> Any:
    """Return a `trimesh.Trimesh` of the triangles of a surface."""
    trimesh = require("trimesh", "mesh", who, lambda: __import__("trimesh"))
    # As it is: what trimesh would merge or leave out is there on purpose.
    used = surface.vertices[: surface.corners.max() + 1] if surface.corners.size else surface.vertices[:0]
    return trimesh.Trimesh(used, surface.triangles, process=False, validate=False)


def mesh_format(path: str | os.PathLike[str], name: str, who: str) -> str:
    """Return the format that an ending stands for, or raise."""
    ending = Path(path).suffix.lower().removeprefix(".")
    if ending not in MESH_FORMATS:
        raise InvalidValueError(
            f"`{name}` is {os.fspath(path)!r}, but {who} writes PLY, OBJ and STL files. Let it end in .ply, .obj or "
            ".stl."
        )
    return ending


def write_mesh(path: str | os.PathLike[str], surface: Any, who: str) -> None:
    """Write the triangles of a surface."""
    form = mesh_format(path, "path", who)
    mesh = to_trimesh(surface, who)
    with replacing(path, who) as temporary:
        mesh.export(os.fspath(temporary), file_type=form)
