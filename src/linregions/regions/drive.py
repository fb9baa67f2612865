"""The one loop that all engines are driven by: threads, executors, progress, Ctrl-C, parts of earlier runs."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from linregions._support.progress import ProgressBar
from linregions._support.remote import SMALL, Recipe, Remote
from linregions._support.work import shared_work
from linregions.regions.options import Options

# Tasks that may be done before the one whose result is taken next, for each thread.
_AHEAD = 4


class Work(ABC):
    """What an engine makes of a network and domains: tasks that are done in any order, in any thread."""

    title = unit = ""  # what the progress bar is called, and what it counts
    small = SMALL  # bytes of a recipe up to which it goes with every task
    tasks: Sequence[Any]  # all of them
    stopped: threading.Event  # what ends tasks under way

    def share(self, task: Any) -> float:
        """Return how much of the work a task is, in `unit`."""
        return 1.0

    def earlier(self, task: Any) -> Any:
        """Return the result of a task if an earlier run has left it, else None."""
        return None

    @abstractmethod
    def run(self, task: Any) -> Any:
        """Do a task in the buffers of this thread, and return its result."""

    def note(self) -> str:
        """Return what the progress bar says of all that has been collected."""
        return ""

    def recipe(self) -> Recipe:
        """Return what other processes need to do these tasks."""
        raise NotImplementedError


class Each(Work):
    """A function of each of some things, as work: ``function(task, stopped)`` may end early once that event is set."""

    def __init__(self, function: Callable[[Any, threading.Event], Any], tasks: Sequence[Any]) -> None:
        self.function, self.tasks, self.stopped = function, tasks, threading.Event()

    def run(self, task: Any) -> Any:
        """Call the function."""
        return self.function(task, self.stopped)


def drive(work: Work, options: Options, threads: int | None = None) -> Iterator[Any]:
    """Yield the results of all tasks, in their order, each as soon as it and those before it are there.

    An error is raised when it is the turn of its task; then, or when the caller takes no more, tasks under way end.
    `threads` is for work to which a limit on memory leaves fewer than were asked for.
    """
    threads = threads or options.threads

    def done(task: Any) -> Any:
        found = work.earlier(task)
        return work.run(task) if found is None else found

    results: Iterator[Any]
    if options.executor is not None:
        results = Remote(options.executor, work.recipe(), work.tasks, work.small).results(work.earlier)
    elif threads == 1 or len(work.tasks) < 2:
        results = map(done, work.tasks)
    else:
        results = shared_work(done, work.tasks, threads, work.stopped, _AHEAD * threads)
    if not options.progress:
        yield from results
        return
    shares = [work.share(task) for task in work.tasks]
    with ProgressBar(sum(shares), work.title, work.unit, True) as bar:
        for share, result in zip(shares, results, strict=True):
            yield result
            bar.update(share, work.note())
