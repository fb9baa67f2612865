"""How kernels are compiled: without the interpreter, cached, and without counting references to arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.compiler import Compiler, Flags


@cache
def _sources() -> str:
    """Return a hash of all kernels."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


class _Cache(FunctionCache):
    """Numba's cache on disk, which forgets a function when any kernel changes.

    Numba looks at the file of the function alone. But compiled code contains what it calls, which may stand in
    another file, and files of a wheel all bear the same date, so an upgrade would go on with old code.
    """

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), _sources())


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


def compiled(
    *,
    allocates: bool = False,
    inlined: bool = False,
    internal: bool = False,
    brief: bool = False,
    fastmath: bool | set[str] = False,
) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a kernel.

    Parameters
    ----------
    allocates : bool
        Whether it makes arrays. One that makes none need not count references to those it is given, which took
        half of the time: every slice and every call changed a counter in memory that all threads share.
    inlined : bool
        Whether to put its code into its callers: for what is called in inner loops.
    internal : bool
        Whether only kernels call it. Then, and if inlined, it cannot be called from Python, and nothing has to be
        compiled for that: with records of twenty arrays this would be more code than the function itself.
    brief : bool
        Whether it takes a fraction of a millisecond. Then it keeps the interpreter: another thread would take it
        meanwhile, and this one would sleep until it is let go again.
    fastmath : bool or set of str
        Liberties with rounding, as in numba.
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
            made._cache = _Cache(function)
        return made

    return decorate
