"""Many cells, each computed once: any number of workers, stopped and gone on with at any moment."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from linregions._support.progress import ProgressBar
from linregions.experiments.place import Place
from linregions.experiments.sweeps.cells import Cell, Result, compute
from linregions.experiments.sweeps.pool import WorkerPool
from linregions.experiments.sweeps.store import CellStore

if TYPE_CHECKING:
    from linregions.experiments.context import Context

_LOG = logging.getLogger(__name__)
# So many times in a row a pool may lose workers before any cell is done.
_PATIENCE = 3


def sweep(cells: Sequence[Cell], context: Context, title: str) -> dict[Cell, Result]:
    """Compute cells and what they need, except those whose results are on disk already.

    Parameters
    ----------
    cells : sequence of Cell
        In the order in which they should be done, as far as there is a choice.
    context : linregions.experiments.context.Context
        Results are kept in its folder's ``cells``; its `executor`, or else `workers` processes, compute.
    title : str
        For the progress bar.

    Returns
    -------
    dict
        Cell -> result, with the cells that were needed.

    Raises
    ------
    ChildProcessError
        If workers die again and again.

    Notes
    -----
    Results are written by this process only, as soon as they come. After a stop of any kind the same call goes
    on where it was. On the first error, or Ctrl-C, no further cell is started.
    """
    store, place = CellStore(context.folder / "cells"), context.place
    plan = _in_order(cells)
    results: dict[Cell, Result] = {}
    for cell in plan:
        found = store.load(cell)
        if found is not None:
            results[cell] = found
    missing = [cell for cell in plan if cell not in results]
    if results:
        _LOG.info("%s: %d of %d cells are done already", title, len(results), len(plan))
    with ProgressBar(len(plan), title, "cell", context.progress, len(results)) as bar:

        def tell(cell: Cell) -> None:
            bar.update(0, f"{bar.total - bar.done:.0f} left; {cell}")

        # Closed at once when saving fails, so that workers stop, too.
        with closing(_computed(missing, place, context.workers, context.executor, tell)) as computed:
            for cell, result in computed:
                results[cell] = store.save(cell, result)
                bar.update()
    for cell in plan:
        context.counting.proof.add(results[cell].get("proof", {}))
    return results


def _in_order(cells: Iterable[Cell]) -> list[Cell]:
    """Return all cells, each after what it needs and once."""
    plan: dict[Cell, None] = {}
    for cell in cells:
        for needed in cell.needs:
            plan.setdefault(needed)
        plan.setdefault(cell)
    return list(plan)


def _computed(
    missing: Sequence[Cell], place: Place, workers: int, executor: Executor | None, tell: Callable[[Cell], None]
) -> Generator[tuple[Cell, Result], None, None]:
    """Yield each cell with its result, in any order."""
    if executor is not None:
        yield from _Queue(missing, place, tell).run(executor, len(missing))
    elif workers == 1 or len(missing) < 2:
        for cell in missing:
            tell(cell)
            yield cell, compute(cell, place)
    else:
        yield from _in_processes(_Queue(missing, place, tell), min(workers, len(missing)))


def _in_processes(queue: _Queue, workers: int) -> Generator[tuple[Cell, Result], None, None]:
    losses = 0
    while queue.left:
        pool = WorkerPool(workers)
        try:
            # Enough for no worker to wait, and few, so that a chain is measured soon after its training.
            for done in queue.run(pool, 2 * workers):
                losses = 0
                yield done
            pool.shutdown()
        except BrokenExecutor:
            pool.abandon()
            losses += 1
            cell = queue.oldest
            if losses == _PATIENCE:
                raise ChildProcessError(
                    f"`workers` is {workers}, and processes died {losses} times in a row while {cell} was computed, "
                    "but a sweep needs them alive. Use fewer workers if memory runs out, and start a script's work "
                    'below `if __name__ == "__main__":`; what is done is kept.'
                ) from None
            _LOG.warning("a worker process died; its cells (%s, for one) are computed again", cell)
        except BaseException:
            pool.abandon()
            raise


class _Queue:
    """What is left to do, what of it can be done now, and what is being done."""

    def __init__(self, cells: Sequence[Cell], place: Place, tell: Callable[[Cell], None]) -> None:
        self.cells, self.place, self.tell = cells, place, tell
        number = {cell: k for k, cell in enumerate(cells)}
        self.waiting = {
            k: {number[needed] for needed in cell.needs if needed in number} for k, cell in enumerate(cells)
        }
        self.followers: dict[int, list[int]] = {}
        for k, needed in self.waiting.items():
            for before in needed:
                self.followers.setdefault(before, []).append(k)
        # A heap of numbers: measures of an earlier chain go before the training of a later one.
        self.ready = [k for k, needed in self.waiting.items() if not needed]
        self.running: dict[Future[Any], int] = {}
        self.left = len(cells)

    @property
    def oldest(self) -> Cell:
        """The first of the cells that could be done now."""
        return self.cells[self.ready[0]]

    def run(self, executor: Executor, at_once: int) -> Generator[tuple[Cell, Result], None, None]:
        """Keep at most `at_once` cells submitted and yield results as they come."""
        done: SimpleQueue[Future[Any]] = SimpleQueue()
        try:
            while self.left:
                while self.ready and len(self.running) < at_once:
                    k = self.ready[0]
                    future = executor.submit(compute, self.cells[k], self.place)
                    heapq.heappop(self.ready)
                    self.running[future] = k
                    future.add_done_callback(done.put)
                self.tell(self.cells[min(self.running.values())])
                try:
                    future = done.get(timeout=1.0)
                except Empty:
                    continue  # the time left is told anew
                result = future.result()
                k = self.running.pop(future)
                self.left -= 1
                for follower in self.followers.get(k, ()):
                    self.waiting[follower].discard(k)
                    if not self.waiting[follower]:
                        heapq.heappush(self.ready, follower)
                yield self.cells[k], result
        finally:
            for future, k in self.running.items():
                future.cancel()
                heapq.heappush(self.ready, k)
            self.running.clear()
