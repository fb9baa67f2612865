"""Products of a value and a constant: layers, matrix products and einsum, shared by the importers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.importers.matrices import IndexArray, Matrix
from linregions.networks.importers.values import Builder, Operand, Value


def linear(builder: Builder, value: Value, weight: FloatArray, bias: FloatArray | None, name: str = "") -> Value:
    """Return ``value @ weight.T + bias`` over the last axis."""
    n_out = weight.shape[0]
    before = value.shape[:-1]
    repeats = int(np.prod(before, dtype=np.int64))
    matrix = weight if repeats == 1 else builder.matrices.kronecker([repeats, weight])
    offset = None if bias is None else np.tile(np.broadcast_to(bias, (n_out,)), repeats)
    return builder.linear(value, matrix, (*before, n_out), offset, name)


def einsum(
    builder: Builder, value: Value, letters: str, constant: FloatArray, others: str, result: str, name: str = ""
) -> Value:
    """Return the einsum of a value and a constant, e.g. letters "btd", "de" -> "bte"; axes are broadcast nowhere."""
    sizes = dict(zip(letters, value.shape, strict=True)) | dict(zip(others, constant.shape, strict=True))
    alone = [letter for letter in dict.fromkeys(others) if letter not in letters and letter not in result]
    if alone:  # summed over in the constant alone
        kept = "".join(letter for letter in dict.fromkeys(others) if letter not in alone)
        constant, others = np.einsum(f"{others}->{kept}", constant), kept
    grid = list(dict.fromkeys([*result, *letters, *others]))
    lengths = [sizes[letter] for letter in grid]
    size = int(np.prod(lengths, dtype=object))
    builder.matrices.must_fit(size)
    rows = _flat(result, grid, sizes)
    columns = _flat(letters, grid, sizes)
    numbers = constant.ravel()[_flat(others, grid, sizes)]
    shape = tuple(sizes[letter] for letter in result)
    n_rows = int(np.prod(shape, dtype=np.int64))
    row, column = (np.broadcast_to(part, lengths).ravel() for part in (rows, columns))
    data: FloatArray = np.broadcast_to(numbers, lengths).ravel()
    matrix: Matrix
    if size == n_rows * value.n_units and len(set(letters)) == len(letters):
        matrix = np.zeros((n_rows, value.n_units))
        matrix[row, column] = data
    else:
        matrix = builder.matrices.from_entries(data, row, column, (n_rows, value.n_units))
    return builder.linear(value, matrix, shape, name=name)


def matmul(builder: Builder, left: Operand, right: Operand, name: str = "") -> Value:
    """Return the matrix product of a value and a constant, on either side, with numpy's broadcasting of axes before."""
    if isinstance(left, Value) and not isinstance(right, Value) and right.ndim == 2 and left.shape:
        return linear(builder, left, right.T, None, name)
    value, constant = (left, right) if isinstance(left, Value) else (right, left)
    assert isinstance(value, Value)
    assert not isinstance(constant, Value)
    rank = max(len(left.shape), len(right.shape), 2)
    sides = []
    for place, operand in enumerate((left, right)):
        shape = operand.shape
        if len(shape) == 1:
            shape = (1, *shape) if place == 0 else (*shape, 1)
        sides.append((1,) * (rank - len(shape)) + shape)
    before = np.broadcast_shapes(sides[0][:-2], sides[1][:-2])
    sides = [(*before, *side[-2:]) for side in sides]
    names = "abcdefgh"[: len(before)]
    letters = [names + "ij", names + "jk"]
    number = 0 if isinstance(left, Value) else 1
    own = (1,) * (rank - len(value.shape)) + value.shape if len(value.shape) > 1 else None
    if own is None:
        own = (1,) * (rank - 2) + ((1, *value.shape) if number == 0 else (*value.shape, 1))
    expanded = builder.expand(builder.reshape(value, own), sides[number], name)
    other = constant if constant.ndim > 1 else (constant[None] if number == 1 else constant[:, None])
    other = np.broadcast_to(other, sides[1 - number])
    product = einsum(builder, expanded, letters[number], other, letters[1 - number], names + "ik", name)
    shape = product.shape
    if len(right.shape) == 1:
        shape = shape[:-1]
    if len(left.shape) == 1:
        shape = (*shape[: len(before)], *shape[len(before) + 1 :])
    return builder.reshape(product, shape)


def _flat(letters: str, grid: Sequence[str], sizes: Mapping[str, int]) -> IndexArray:
    """Return the flat number of an array's entry at each point of a grid of letters, ready to be broadcast."""
    total = np.zeros((1,) * len(grid), dtype=np.int64)
    for letter in letters:
        shape = [1] * len(grid)
        shape[grid.index(letter)] = sizes[letter]
        total = total * sizes[letter] + np.arange(sizes[letter]).reshape(shape)
    return total
