"""Convolutions and poolings of tests as matrices in the user's order, by index arithmetic of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

Shape = tuple[int, int, int]


def _numbers(shape: Shape, padding: tuple[int, int]) -> Any:
    """Return the flat number of every pixel of an image with a margin, which is -1."""
    margin = ((0, 0), padding, padding)
    return np.pad(np.arange(np.prod(shape)).reshape(shape), margin, constant_values=-1)


def _windows(shape: Shape, size: int, stride: int, padding: int | tuple[int, int]) -> Any:
    """Return the pixels of every window, shape (channels, rows, columns, size, size)."""
    both = (padding, padding) if isinstance(padding, int) else padding
    view = np.lib.stride_tricks.sliding_window_view(_numbers(shape, both), (size, size), axis=(1, 2))
    return view[:, ::stride, ::stride]


def conv_matrix(kernel: Any, bias: Any, shape: Shape, stride: int, padding: int | tuple[int, int]) -> tuple[Any, Any]:
    """Return the matrix and the bias of a convolution."""
    windows = _windows(shape, kernel.shape[-1], stride, padding)
    _, rows, columns = windows.shape[:3]
    matrix = np.zeros((len(kernel), rows, columns, int(np.prod(shape)) + 1))
    for o, c, y, x in np.ndindex(len(kernel), shape[0], rows, columns):
        matrix[o, y, x][windows[c, y, x]] += kernel[o, c]  # the margin goes to the last column
    return matrix.reshape(-1, matrix.shape[-1])[:, :-1], np.repeat(bias, rows * columns)


def average_matrix(shape: Shape, size: int, stride: int) -> Any:
    """Return the matrix of an average pooling."""
    windows = _windows(shape, size, stride, 0).reshape(-1, size * size)
    matrix = np.zeros((len(windows), int(np.prod(shape))))
    for row, window in zip(matrix, windows, strict=True):
        row[window] = 1 / size**2
    return matrix


def pool_windows(shape: Shape, size: int, stride: int, padding: int) -> list[list[int]]:
    """Return the entries of every window of a pooling."""
    windows = _windows(shape, size, stride, padding).reshape(-1, size * size)
    return [[int(e) for e in window if e >= 0] for window in windows]
