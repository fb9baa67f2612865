"""Small matrix products in registers, with a fixed order of summation for every entry."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.site_records import TILE_COLUMNS, TILE_ROWS

FloatArray = npt.NDArray[np.float64]

__all__ = ["TILE_COLUMNS", "TILE_ROWS", "add_product", "add_tile", "add_tile_to"]


def _tile(names: tuple[str, ...]) -> Any:
    """Return what generates the code of a tile for arguments of these names."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given = dict(zip(names, args, strict=True))
        arrays = {
            name: context.make_array(kind)(context, builder, given[name])
            for name, kind in zip(names, signature.args, strict=True)
            if isinstance(kind, types.Array)
        }
        i, n_inner, k, anew = (given[name] for name in ("i", "n_inner", "k", "anew"))
        vector = ir.VectorType(ir.DoubleType(), 8)
        zero, one = ir.Constant(ir.IntType(64), 0), ir.Constant(ir.IntType(64), 1)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), 8), [0] * 8)

        def row(name: str, number: Any, column: Any) -> Any:
            array = arrays[name]
            begin = builder.mul(number, cgutils.unpack_tuple(builder, array.strides)[0])
            bytes_ = builder.bitcast(array.data, ir.IntType(8).as_pointer())
            pointer = builder.bitcast(builder.gep(bytes_, [begin]), ir.DoubleType().as_pointer())
            return builder.gep(pointer, [column])

        def vectors(pointer: Any) -> list[Any]:
            typed = builder.bitcast(pointer, vector.as_pointer())
            return [builder.gep(typed, [ir.Constant(ir.IntType(64), j)]) for j in range(TILE_COLUMNS // 8)]

        def entry_of(name: str, number: Any) -> Any:
            return builder.load(builder.gep(arrays[name].data, [number]))

        def out_row(r: int) -> Any:
            if "places" in arrays:
                return entry_of("places", ir.Constant(ir.IntType(64), r))
            return builder.add(i, ir.Constant(i.type, r))

        outs = [vectors(row("out", out_row(r), k)) for r in range(TILE_ROWS)]
        lefts = [row("left", builder.add(i, ir.Constant(i.type, r)), zero) for r in range(TILE_ROWS)]
        nothing = ir.Constant(vector, [0.0] * 8)
        start = [[builder.select(anew, nothing, builder.load(p, align=8)) for p in pointers] for pointers in outs]
        column = builder.add(given["first"], k) if "first" in given else k
        before = builder.block
        loop, done = builder.append_basic_block("terms"), builder.append_basic_block("stored")
        builder.branch(loop)
        builder.position_at_end(loop)
        c = builder.phi(ir.IntType(64))
        c.add_incoming(zero, before)
        sums = [[builder.phi(vector) for _ in entry] for entry in start]
        for entry, values in zip(sums, start, strict=True):
            for phi, value in zip(entry, values, strict=True):
                phi.add_incoming(value, before)
        number = entry_of("gather", c)
        if "base" in given:
            number = builder.add(given["base"], number)
        rights = [builder.load(p, align=8) for p in vectors(row("right", number, column))]
        added = []
        for pointer, entry in zip(lefts, sums, strict=True):
            factor = builder.load(builder.gep(pointer, [c]))
            wide = builder.insert_element(ir.Constant(vector, ir.Undefined), factor, ir.Constant(ir.IntType(32), 0))
            wide = builder.shuffle_vector(wide, ir.Constant(vector, ir.Undefined), lanes)
            # Fused where the machine can: the only liberty taken.
            added.append(
                [
                    builder.fadd(phi, builder.fmul(wide, term, flags=("contract",)), flags=("contract",))
                    for phi, term in zip(entry, rights, strict=True)
                ]
            )
        after = builder.add(c, one)
        c.add_incoming(after, loop)
        for entry, values in zip(sums, added, strict=True):
            for phi, value in zip(entry, values, strict=True):
                phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", after, n_inner), loop, done)
        builder.position_at_end(done)
        for pointers, values in zip(outs, added, strict=True):
            for pointer, total in zip(pointers, values, strict=True):
                builder.store(total, pointer, align=8)
        return context.get_dummy_value()

    return codegen


@intrinsic
def add_tile(
    typing_context: Any,
    left: Any,
    i: Any,
    n_inner: Any,
    right: Any,
    gather: Any,
    first: Any,
    out: Any,
    k: Any,
    anew: Any,
) -> Any:
    """Add ``left[i:i + 4, :n_inner] @ right[gather[:n_inner], first + k:first + k + 16]`` to ``out[i:, k:]``.

    With `anew` it is put there instead. As vectors, since loops over columns would load and store every entry for
    each few terms. There must be a term.
    """
    names = ("left", "i", "n_inner", "right", "gather", "first", "out", "k", "anew")
    return types.none(left, i, n_inner, right, gather, first, out, k, anew), _tile(names)


@intrinsic
def add_tile_to(
    typing_context: Any,
    left: Any,
    i: Any,
    n_inner: Any,
    right: Any,
    base: Any,
    gather: Any,
    out: Any,
    places: Any,
    k: Any,
    anew: Any,
) -> Any:
    """Add ``left[i:i + 4, :n_inner] @ right[base + gather[:n_inner], k:k + 16]`` to the rows ``places[:4]`` of `out`.

    Otherwise as `add_tile`.
    """
    names = ("left", "i", "n_inner", "right", "base", "gather", "out", "places", "k", "anew")
    return types.none(left, i, n_inner, right, base, gather, out, places, k, anew), _tile(names)


@compiled()
def add_product(
    left: FloatArray,
    n_rows: int,
    n_inner: int,
    right: FloatArray,
    gather: npt.NDArray[np.int64],
    first: int,
    n_columns: int,
    out: FloatArray,
    anew: bool,
) -> None:
    """Add ``left[:n_rows, :n_inner] @ right[gather[:n_inner], first:first + n_columns]`` to `out`.

    With `anew` it is put there, whatever was there before.
    Rows are taken by four and columns by sixteen, so all arrays must have room for as many, with any finite numbers.
    Rows must lie in one piece in memory, as in C.
    Every entry is summed in the same order, whatever the number of rows: results do not depend on how work is cut.
    """
    if n_inner == 0:
        if anew:
            out[:n_rows, :n_columns] = 0.0
        return
    for k in range(0, n_columns, TILE_COLUMNS):
        for i in range(0, n_rows, TILE_ROWS):
            add_tile(left, np.int64(i), np.int64(n_inner), right, gather, np.int64(first), out, np.int64(k), anew)
