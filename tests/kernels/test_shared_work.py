"""Tasks shared by threads: order, bounds, errors."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from linregions import _shared_work
from linregions._shared_work import shared_work


@pytest.mark.parametrize("threads", [1, 2, 5, 40])
def test_results_in_order(threads: int) -> None:
    workers: set[int] = set()

    def square(number: int) -> int:
        workers.add(threading.get_ident())
        time.sleep(0.0005 * (number % 3))
        return number**2

    assert list(shared_work(square, range(30), threads, threading.Event(), 100)) == [k**2 for k in range(30)]
    assert len(workers) <= threads
    assert threads == 1 or len(workers) > 1


def test_no_task_is_far_ahead() -> None:
    begun: list[int] = []

    def note(number: int) -> int:
        begun.append(number)
        return number

    for number in shared_work(note, range(50), 3, threading.Event(), 4):
        time.sleep(0.001)
        assert len(begun) <= number + 1 + 4
    assert sorted(begun) == list(range(50))


def test_threads_that_never_come_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shared_work, "start_new_thread", lambda *_: 0)
    assert list(shared_work(str, range(5), 3, threading.Event(), 4)) == list("01234")


def waits_for_stop(stopped: threading.Event) -> None:
    assert stopped.wait(10.0)
    raise InterruptedError  # as a worker that is told to stop


@pytest.mark.parametrize("failing", ["caller", "helper"])
def test_an_error_stops_all_and_is_raised(failing: str) -> None:
    stopped, caller = threading.Event(), threading.get_ident()
    both = threading.Barrier(2)
    ended: list[int] = []

    def work(number: int) -> Any:
        both.wait(10.0)  # each has a task
        try:
            if (threading.get_ident() == caller) == (failing == "caller"):
                raise ZeroDivisionError
            waits_for_stop(stopped)
        finally:
            ended.append(number)

    with pytest.raises(ZeroDivisionError):
        list(shared_work(work, range(10), 2, stopped, 8))
    assert sorted(ended) == [0, 1]


def test_a_caller_that_takes_no_more() -> None:
    stopped = threading.Event()
    begun, ended = [0], [0]

    def work(number: int) -> int:
        begun[0] += 1
        time.sleep(0.002)
        ended[0] += 1
        return number

    results = shared_work(work, range(1000), 2, stopped, 8)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert stopped.is_set()
    assert begun == ended
    assert begun[0] < 20
