"""How work is done, as the caller asked: checked once, and the same for every kind of domain and measure."""

from __future__ import annotations

import threading
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

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


@dataclass(frozen=True)
class Options:
    """How some work is done; none of it but the tolerances changes a result.

    Parameters
    ----------
    tolerances : Tolerances
        How close to zero counts as zero, relative to the magnitudes at hand.
    threads : int
        Number of threads to work with.
    progress : bool
        Whether to show a bar, on a terminal or in a notebook.
    memory_limit : int or None
        Bytes that the work and its result may take.
    executor : concurrent.futures.Executor or None
        Workers in other processes.
    who : str
        What messages call the function that was called.
    stopped : threading.Event or None
        What ends it early, if it is a part of other work.
    """

    tolerances: Tolerances = DEFAULT_TOLERANCES
    threads: int = 1
    progress: bool = False
    memory_limit: int | None = None
    executor: Executor | None = None
    who: str = "partition"
    stopped: threading.Event | None = None

    @classmethod
    def checked(cls, who: str, **given: Any) -> Options:
        """Return options as they were given, or say what is wrong with one of them.

        Raises
        ------
        InvalidTypeError, InvalidValueError
        """
        tolerances = given.pop("tolerances", DEFAULT_TOLERANCES)
        if not isinstance(tolerances, Tolerances):
            raise InvalidTypeError(
                f"`tolerances` is {type(tolerances).__name__}, but {who} needs linregions.Tolerances. "
                "Pass e.g. `Tolerances(relative=1e-12)`."
            )
        executor = given.pop("executor", None)
        # A Dask client has a `submit` of its own, whose futures are not those of an executor.
        if callable(getattr(executor, "get_executor", None)):
            executor = executor.get_executor(pure=False)
        if executor is not None and not callable(getattr(executor, "submit", None)):
            raise InvalidTypeError(
                f"`executor` is {type(executor).__name__}, but {who} needs a concurrent.futures.Executor. "
                "Pass e.g. `ProcessPoolExecutor(4)`, or a Dask client."
            )
        limit = given.pop("memory_limit", None)
        return cls(
            tolerances,
            as_threads(given.pop("threads", 1), "threads", who),
            bool(given.pop("progress", False)),
            None if limit is None else as_integer(limit, "memory_limit", who, 1),
            executor,
            who,
            **given,
        )


DEFAULT_OPTIONS = Options()
