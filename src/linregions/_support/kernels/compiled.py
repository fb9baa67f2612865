"""How kernels are compiled: without the interpreter, cached, and without counting references to arrays."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numba import njit, typeof
from numba.core.caching import FunctionCache
from numba.core.compiler import Compiler, CompileResult, Flags

from linregions._support.kernels import prebuilt
from linregions.errors import UncachedKernelsWarning


@cache
def _sources() -> str:
    """Return a hash of all kernels, whatever room they are in."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[2]
    for file in sorted(package.glob("**/kernels/*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


# What reading a pickle may raise.
_UNREADABLE = (UnpicklingError, AttributeError, EOFError, ImportError, IndexError)


class _Cache(FunctionCache):
    """Numba's cache on disk, which forgets a function when any kernel changes.

    Numba looks at the file of the function alone. But compiled code contains what it calls, which may stand in
    another file, and files of a wheel all bear the same date, so an upgrade would go on with old code.
    """

    called_from_python = True

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), _sources())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what an earlier process kept, or came with the package; None if there is nothing to be read.

        An index that names a record which is called otherwise now cannot be read either: all is compiled anew.
        """
        try:
            try:
                found = super().load_overload(sig, target_context)
                if found is not None:
                    return found
            except _UNREADABLE:
                self.flush()
        except OSError:
            _warn_that_nothing_is_kept()
        return self._prebuilt(sig, target_context)

    def _prebuilt(self, sig: Any, target_context: Any) -> Any:
        if not self.called_from_python:  # it is a part of what calls it
            return None
        try:
            data = prebuilt.load(self._py_func, self._index_key(sig, target_context.codegen()))
            return None if data is None else CompileResult._rebuild(target_context, *data)
        except (*_UNREADABLE, OSError):
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, if the folder still takes it."""
        try:
            super().save_overload(sig, data)
            if self.called_from_python and self._impl.check_cachable(data):
                prebuilt.record(self._py_func, self._index_key(sig, data.codegen), self._impl.reduce(data))
        except OSError:  # full, or no longer writable
            _warn_that_nothing_is_kept()


class _NoFolder(_Cache):
    """The cache where there is no folder for one: what came with the package can be used, and nothing is kept."""

    def __init__(self, function: Any) -> None:
        self._py_func, self._name = function, repr(function)
        self._enabled, self._cache_path = False, ""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what came with the package, or None."""
        target_context.refresh()
        return self._prebuilt(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Tell that it cannot be kept."""
        _warn_that_nothing_is_kept()


@cache
def _warn_that_nothing_is_kept() -> None:
    """Tell once in a process that the next one will compile all over again."""
    warnings.warn(
        "linregions compiles its kernels (half a minute or so) in every process anew, since no cache folder is "
        "writable. Set the environment variable NUMBA_CACHE_DIR to a folder that is.",
        UncachedKernelsWarning,
        stacklevel=3,
    )


class _Flags(Flags):
    """Numba's options of one compilation, which it compares a hundred thousand times a minute, with less ado."""

    __slots__ = ()

    def values(self) -> dict[str, Any]:
        return {**_DEFAULTS, **self._values}


_DEFAULTS = {name: option.default for name, option in Flags.options.items()}


class _Compiler(Compiler):
    """Numba's compiler with such options."""

    def __init__(self, typing: Any, target: Any, library: Any, args: Any, result: Any, flags: Any, names: Any) -> None:
        super().__init__(typing, target, library, args, result, _Flags(flags), names)


# Of the flags of an array: in one piece as in C, aligned, writeable.
_LAYOUT = 0x0001 | 0x0100 | 0x0400


def _outline(argument: Any) -> Any:
    """Return what numba's type of an argument follows from, a thirtieth of the work of asking numba."""
    if isinstance(argument, np.ndarray):
        flags = argument.flags.num & (
            _LAYOUT | 0x0002
        )  # in one piece as in Fortran matters only where it is not as in C
        return argument.dtype, argument.ndim, flags & _LAYOUT if flags & 0x0001 else flags
    if isinstance(argument, tuple):
        return type(argument), *map(_outline, argument)
    return typeof(argument)


class OfOneType:
    """A kernel for a caller whose arguments have the same types in every call, which are looked at only in the first.

    Numba looks at each array of each record again in each call, which takes ten times as long as the call itself.
    Compiled code would misread an array that lies in memory in another way. So those that are no parts of records are
    looked at in every call, and the records too where `checks_records` is set, as it is in all tests.
    """

    checks_records = False

    def __init__(self, function: Any) -> None:
        self._function = function
        self._entry: Callable[..., Any] | None = None
        self._outlines: tuple[Any, ...] = ()
        self._arrays: list[tuple[int, np.dtype[Any], int, int]] = []

    def __call__(self, *args: Any) -> Any:
        """Call the kernel."""
        if self._entry is None:
            result = self._function(*args)
            if hasattr(self._function, "overloads"):  # not where NUMBA_DISABLE_JIT is set
                self._outlines = tuple(map(_outline, args))
                arrays = [(i, a) for i, a in enumerate(args) if isinstance(a, np.ndarray)]
                self._arrays = [(i, a.dtype, a.ndim, a.flags.num & _LAYOUT) for i, a in arrays]
                self._entry = self._function.overloads[tuple(map(typeof, args))].entry_point
            return result
        if self.checks_records and tuple(map(_outline, args)) != self._outlines:
            raise TypeError(f"other types than in the first call: {[*map(_outline, args)]} after {[*self._outlines]}")
        for i, dtype, ndim, layout in self._arrays:
            array = args[i]
            if array.dtype != dtype or array.ndim != ndim or array.flags.num & _LAYOUT != layout:
                return self._function(*args)
        return self._entry(*args)


def compiled(
    *,
    allocates: bool = False,
    inlined: bool = False,
    internal: bool = False,
    brief: bool = False,
    fastmath: bool | set[str] = False,
) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a kernel; `fastmath` names liberties with rounding, as in numba.

    A kernel that makes no arrays (`allocates`) need not count references to those it is given, which took half of the
    time: every slice and every call changed a counter in memory that all threads share. What is `inlined`, for what is
    called in inner loops, or `internal`, called by kernels only, cannot be called from Python, and nothing has to be
    compiled for that: with records of twenty arrays this would be more code than the function itself. One that is
    `brief`, taking a fraction of a millisecond, keeps the interpreter: another thread would take it meanwhile, and this
    one would sleep until it is let go again.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        made = njit(
            nogil=not brief,
            error_model="numpy",
            fastmath=fastmath,
            forceinline=inlined,
            no_cpython_wrapper=inlined or internal,
            no_cfunc_wrapper=True,
            _nrt=allocates,
            pipeline_class=_Compiler,
        )(function)
        if hasattr(made, "enable_caching"):  # not where NUMBA_DISABLE_JIT is set
            try:
                made._cache = _Cache(function)
            except RuntimeError:  # numba finds no folder
                made._cache = _NoFolder(function)
            made._cache.called_from_python = not (inlined or internal)
        return made

    return decorate
