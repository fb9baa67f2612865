"""Tasks shared by threads: order, bounds, errors."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from linregions._support import work as _shared_work
from linregions._support.work import shared_work


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


@pytest.mark.parametrize("failing", ["caller", "helper"])
def test_an_error_stops_all_and_is_raised(failing: str) -> None:
    stopped, caller = threading.Event(), threading.get_ident()
    both = threading.Barrier(2)
    ended: list[int] = []
    fails: list[int] = []

    def work(number: int) -> Any:
        both.wait(10.0)  # each has a task
        try:
            if (threading.get_ident() == caller) == (failing == "caller"):
                fails.append(number)
                raise ZeroDivisionError
            if number == 1:
                assert stopped.wait(10.0)
                raise InterruptedError  # as a worker that is told to stop
            assert not stopped.is_set(), "what comes before the error is still wanted"
            return number
        finally:
            ended.append(number)

    results: list[Any] = []
    with pytest.raises(ZeroDivisionError):
        results.extend(shared_work(work, range(10), 2, stopped, 8))
    assert stopped.is_set()
    assert sorted(ended) == [0, 1]
    assert len(fails) == 1


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_error_comes_in_its_turn(threads: int) -> None:
    def work(number: int) -> int:
        time.sleep(0.001 * ((7 * number) % 4))
        if number in (6, 7, 9):
            raise ZeroDivisionError(number)
        return number

    results = shared_work(work, range(20), threads, threading.Event(), 16)
    assert [next(results) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ZeroDivisionError, match="6"):
        next(results)


def test_ctrl_c_is_raised_at_once() -> None:
    stopped, caller = threading.Event(), threading.get_ident()
    both = threading.Barrier(2)

    def work(number: int) -> None:
        both.wait(10.0)
        if threading.get_ident() == caller:
            raise KeyboardInterrupt
        assert stopped.wait(10.0)

    with pytest.raises(KeyboardInterrupt):
        list(shared_work(work, range(10), 2, stopped, 8))


def test_an_exit_in_another_thread_comes_to_the_caller() -> None:
    caller = threading.get_ident()
    both = threading.Barrier(2)

    def work(number: int) -> None:
        both.wait(10.0)
        if threading.get_ident() != caller:
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        list(shared_work(work, range(2), 2, threading.Event(), 8))


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
    results.close()
    assert stopped.is_set()
    assert begun == ended
    assert begun[0] < 20


def test_a_system_that_allows_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_shared_work, "start_new_thread", refused)
    assert list(shared_work(str, range(30), 4, threading.Event(), 3)) == [str(k) for k in range(30)]
