"""Threads of our own, one BLAS thread each."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController  # looking for libraries takes milliseconds: once is enough

    return ThreadpoolController()


def one_blas_thread() -> Any:
    """Return a context in which BLAS works in the calling thread only, so that sums do not depend on threads."""
    return _controller().limit(limits=1, user_api="blas")
