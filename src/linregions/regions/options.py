"""How work is done, as the caller asked: checked once, and the same for every kind of domain and measure."""

from __future__ import annotations

import threading
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

import numpy as np

from linregions._support.validation import as_integer, as_threads
from linregions.errors import InvalidTypeError
from linregions.regions.tolerances import DEFAULT_TOLERANCES, Tolerances


class Client(Protocol):
    """The client of a cluster, such as Dask's."""

    def get_executor(self, *, pure: bool) -> Executor:
        """Return the cluster's workers."""


class OptionsGiven(TypedDict, total=False):
    """The options of the verbs, as they are given."""

    tolerances: Tolerances
    threads: int
    progress: bool
    memory_limit: int | None
    executor: Executor | Client | None
    certify: bool


@dataclass(frozen=True)
class Options:
    """How some work is done; none of it but the tolerances changes a result, and proof mends a wrong one."""

    tolerances: Tolerances = DEFAULT_TOLERANCES  # how close to zero counts as zero, relative to the magnitudes at hand
    threads: int = 1  # to work with
    progress: bool = False  # whether to show a bar, on a terminal or in a notebook
    memory_limit: int | None = None  # bytes that the work and its result may take
    executor: Executor | None = None  # workers in other processes
    who: str = "partition"  # what messages call the function that was called
    stopped: threading.Event | None = None  # what ends it early, if it is a part of other work
    certify: bool = False  # whether every sign and order is to be proved, in exact arithmetic where floats cannot

    @classmethod
    def checked(
        cls,
        who: str,
        tolerances: Any = DEFAULT_TOLERANCES,
        threads: Any = 1,
        progress: Any = False,
        memory_limit: Any = None,
        executor: Any = None,
        certify: Any = False,
    ) -> Options:
        """Return options as they were given, or raise and say what is wrong with one of them."""
        if not isinstance(tolerances, Tolerances):
            raise InvalidTypeError(
                f"`tolerances` is {type(tolerances).__name__}, but {who} needs linregions.Tolerances. "
                "Pass e.g. `Tolerances(relative=1e-12)`."
            )
        # A Dask client has a `submit` of its own, whose futures are not those of an executor.
        if callable(getattr(executor, "get_executor", None)):
            executor = executor.get_executor(pure=False)
        if executor is not None and not callable(getattr(executor, "submit", None)):
            raise InvalidTypeError(
                f"`executor` is {type(executor).__name__}, but {who} needs a concurrent.futures.Executor. "
                "Pass e.g. `ProcessPoolExecutor(4)`, or a Dask client."
            )
        if not isinstance(certify, bool | np.bool_):
            raise InvalidTypeError(
                f"`certify` is {certify!r} ({type(certify).__name__}), but {who} needs True or False. "
                "Pass True for a result whose every sign and order is proved."
            )
        n_threads = as_threads(threads, "threads", who)
        limit = None if memory_limit is None else as_integer(memory_limit, "memory_limit", who, 1)
        return cls(tolerances, n_threads, bool(progress), limit, executor, who, certify=bool(certify))


DEFAULT_OPTIONS = Options()
