"""Points of an input space, read from files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.archives import check_header, read_archive
from linregions._support.files import as_path, brief
from linregions._support.validation import FloatArray, as_float_array, as_point_rows, check_axes, shape_of_points
from linregions.errors import FileFormatError, InvalidValueError

# Endings of files that are likely meant as points, and what they are.
_FOREIGN = {
    ".pt": "a file of PyTorch",
    ".pth": "a file of PyTorch",
    ".h5": "an HDF5 file",
    ".hdf5": "an HDF5 file",
    ".parquet": "a Parquet file",
    ".pkl": "a pickle",
}


def read_points(
    path: str | os.PathLike[str],
    who: str,
    name: str = "points",
    n_in: int | None = None,
    input_shape: tuple[int, ...] = (),
) -> FloatArray:
    """Read points of an input space, shape (N, n_in), from a file, or raise.

    A ``.npy`` file, an ``.npz`` file with one array, or text with one point a line, numbers separated by commas,
    semicolons or blanks. Text may have a header with the names of the columns, and lines that begin with ``#``. With
    `n_in` images, e.g. of shape (N, 28, 28), are flattened; with `input_shape` those whose axes have another order are
    refused.
    """
    file = as_path(path, name, who)
    if not file.is_file():
        raise InvalidValueError(
            f"`{name}` is {os.fspath(file)!r}, where there is no file, but {who} needs points from a .npy or text "
            "file. Check the spelling and the current folder."
        )
    if file.suffix in _FOREIGN:
        raise FileFormatError(
            f"`{name}` is {os.fspath(file)!r}, {_FOREIGN[file.suffix]}, but {who} needs points from a .npy or text "
            "file. Write them with `numpy.save('points.npy', points)`, tensors as `points.detach().cpu().numpy()`."
        )
    try:
        if file.suffix == ".npy":
            with open(file, "rb") as handle:
                check_header(handle, os.fstat(handle.fileno()).st_size, file.name)
                handle.seek(0)
                array = np.load(handle, allow_pickle=False)
        elif file.suffix == ".npz":
            array = _only_array(read_archive(file)[0])
        else:
            array = np.array(_numbers(file.read_text(encoding="utf-8-sig")))
    except Exception as error:  # a damaged header makes numpy raise nearly anything
        raise FileFormatError(
            f"`{name}` is {os.fspath(file)!r}, which cannot be read ({brief(error)}), but {who} needs numbers, one "
            "point a line in a text file or one a row in a .npy file. Write it again."
        ) from None
    # Rows are points, so that only arrays of more axes can be images.
    if n_in is not None and np.ndim(array) > 2 and shape_of_points(np.shape(array), n_in) is not None:
        check_axes(np.shape(array), input_shape, name, who)
        return as_point_rows(array, name, who, n_in)
    points = as_float_array(array, name, who)
    if points.ndim not in {1, 2} or points.size == 0:
        raise InvalidValueError(
            f"`{name}` is {os.fspath(file)!r} with shape {points.shape}, but {who} needs shape "
            f"{_wanted(n_in, input_shape)}. Reshape it."
        )
    return np.atleast_2d(points)


def _wanted(n_in: int | None, input_shape: tuple[int, ...]) -> str:
    """Return which shapes fit."""
    if n_in is None:
        return "(N, n_in)"
    images = f" or {('N', *input_shape)}".replace("'", "") if len(input_shape) > 1 else ""
    return f"(N, {n_in}){images}"


def _only_array(arrays: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return the only array of an archive."""
    if len(arrays) != 1:
        raise ValueError(f"it is an archive of {len(arrays)} arrays: {', '.join(list(arrays)[:5])}")
    return next(iter(arrays.values()))


def _numbers(text: str) -> list[list[float]]:
    """Return the numbers of each line, without comments and a header."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) > 1:
        # Split at one kind of mark only, since a name may hold blanks and numbers, as in "feature 1,feature 2".
        mark = next((mark for mark in ";,\t" if mark in lines[0]), None)
        header = [entry.strip().strip("\"'") for entry in lines[0].split(mark)]
        if not any(_is_number(entry) for entry in header):
            del lines[0]
            if header[0] == "":
                raise ValueError("its first column has no name, as the index that pandas writes unless index=False")
    # A comma beside semicolons would be a decimal one, which is no number here.
    return [
        [float(entry) for entry in (line.split(";") if ";" in line else line.replace(",", " ").split())]
        for line in lines
    ]


def _is_number(entry: str) -> bool:
    try:
        float(entry)
    except ValueError:
        return False
    return True
