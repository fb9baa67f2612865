"""Where the cells of a sweep are computed: processes of our own, or an existing Dask cluster."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from linregions._support.validation import as_integer, require
from linregions.errors import InvalidValueError

_P = ParamSpec("_P")
_T = TypeVar("_T")
_STOPPED = 128 + signal.SIGTERM
_within_cell = False  # of this process, if it is a worker


class WorkerPool(ProcessPoolExecutor):
    """Fresh processes with one thread each, which end with their parent and leave no half-written file.

    Processes are spawned, so a script that makes a pool needs the usual ``if __name__ == "__main__":``.
    """

    def __init__(self, workers: int) -> None:
        super().__init__(
            as_integer(workers, "workers", "WorkerPool", 1),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(logging.getLogger("linregions").getEffectiveLevel(),),
        )

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Have a function called by a worker."""
        return super().submit(_unless_stopped, fn, *args, **kwargs)

    def abandon(self) -> None:
        """Stop at once: what is running is broken off, and files in the making are removed."""
        processes = list((self._processes or {}).values())
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(10)
            process.kill()
        self.shutdown(wait=True, cancel_futures=True)


def _start_worker(level: int) -> None:
    """Prepare a worker process: one thread everywhere, deaf to Ctrl-C, gone with its parent."""
    import threadpoolctl
    from tqdm import tqdm

    tqdm.set_lock(threading.RLock())  # its own would be a semaphore that a worker broken off leaves behind
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"  # for libraries not loaded yet
    threadpoolctl.threadpool_limits(1)  # for those that are
    logging.getLogger("linregions").setLevel(level)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it, too, and tells
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _stop(*_: object) -> None:
    # Within a cell an exception, so that files in the making are removed on its way. Between cells none: there it
    # would leave locks of the pool taken for ever.
    if _within_cell:
        sys.exit(_STOPPED)
    os._exit(_STOPPED)


def _unless_stopped(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    global _within_cell
    try:
        _within_cell = True
        result = function(*args, **kwargs)
        _within_cell = False
    except SystemExit:  # otherwise the pool would take it for a result and go on with the next cell
        os._exit(_STOPPED)
    except BaseException:
        _within_cell = False
        raise
    return result


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        os._exit(_STOPPED)


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Compute on an existing Dask cluster, given the address of its scheduler, e.g. ``tcp://10.0.0.1:8786``.

    Raises MissingDependencyError if distributed is not installed, and InvalidValueError if no scheduler answers there.
    Every worker needs the same linregions, and the folder of results under the same path; give workers one thread each
    (``dask worker --nthreads 1``), since cells of one process wait for each other. Cells of a worker that dies are
    computed by another.
    """
    distributed: Any = require("distributed", "dask", "--dask", lambda: importlib.import_module("distributed"))
    try:
        client = distributed.Client(address, timeout=20, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidValueError(
            f"`--dask` is {address!r}, where no Dask scheduler answers ({error}), but a sweep needs one. Start it "
            "with `dask scheduler` and give the address that it prints."
        ) from None
    try:
        yield client.get_executor(pure=False)
    except (distributed.KilledWorker, CancelledError) as error:
        raise ChildProcessError(
            f"`--dask` is {address!r}, whose workers or scheduler were lost ({error}), but a sweep needs them alive. "
            "Give workers more memory; what is done is kept, and the same command goes on."
        ) from None
    finally:
        client.close()
