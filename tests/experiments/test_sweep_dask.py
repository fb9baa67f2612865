"""Sweeps on a Dask cluster: a real one with two worker processes, one of which is killed in the middle."""

import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest

from linregions.cli import main
from linregions.errors import InvalidValueError, MissingDependencyError
from linregions.experiments.context import Context
from linregions.experiments.sweeps.pool import dask_executor
from linregions.experiments.sweeps.sweep import sweep
from tests.support import sweep_cases


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as made:
        yield made


def pids(cluster):
    from distributed import Client

    with Client(cluster.scheduler_address, set_as_default=False) as client:
        return client.run(os.getpid)


def kill_one_worker(cluster, out, least):
    """Kill a worker when some cells are done; return the thread and, later, how many were done."""
    victim = next(iter(pids(cluster).values()))
    seen = []

    def watch():
        while len(list(out.rglob("cells/*/*.json"))) < least:
            time.sleep(0.005)
        os.kill(victim, signal.SIGKILL)
        seen.append(len(list(out.rglob("cells/*/*.json"))))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread, seen, victim


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_changes_nothing(cluster, tmp_path):
    chosen = sweep_cases.cells(pause=0.05)
    expected = sweep(chosen, Context(out=tmp_path / "here"), "toy")
    before = set(pids(cluster).values())
    assert len(before) == 2
    thread, seen, victim = kill_one_worker(cluster, tmp_path / "there", 8)
    with dask_executor(cluster.scheduler_address) as executor:
        assert sweep(chosen, Context(out=tmp_path / "there", executor=executor), "toy") == expected
    thread.join(30)
    assert 8 <= seen[0] < 36
    assert victim not in pids(cluster).values()


@pytest.mark.slow
def test_figures_on_a_cluster_with_a_worker_killed(cluster, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    data, settings = sweep_cases.write_blobs(tmp_path / "blobs.npz"), tmp_path / "small.toml"
    settings.write_text(sweep_cases.TOML)
    words = ["reproduce", "fig5", "fig6", "fig7", "--settings", str(settings), "--data", str(data), "-q"]
    assert main([*words, "--workers", "1", "--out", str(tmp_path / "here")]) == 0
    thread, seen, victim = kill_one_worker(cluster, tmp_path / "there", 6)
    assert main([*words, "--dask", cluster.scheduler_address, "--out", str(tmp_path / "there")]) == 0
    thread.join(30)
    assert 6 <= seen[0] < 48
    assert victim not in pids(cluster).values()
    assert len(sweep_cases.tables(tmp_path / "here")) > 8
    assert sweep_cases.tables(tmp_path / "there") == sweep_cases.tables(tmp_path / "here")


def test_no_scheduler_answers(monkeypatch):
    distributed = pytest.importorskip("distributed")

    def nobody(*_, **__):
        raise OSError("timed out after 20 s")

    monkeypatch.setattr(distributed, "Client", nobody)
    with (
        pytest.raises(InvalidValueError, match=r"`--dask` is 'tcp://x:1', where no Dask scheduler answers \(timed out"),
        dask_executor("tcp://x:1"),
    ):
        pass


def test_workers_that_are_lost_for_good(monkeypatch):
    distributed = pytest.importorskip("distributed")

    class Client:
        def __init__(self, *_, **__):
            pass

        def get_executor(self, **_):
            return None

        def close(self):
            closed.append(True)

    closed = []
    monkeypatch.setattr(distributed, "Client", Client)
    with (
        pytest.raises(ChildProcessError, match=r"`--dask` is 'tcp://x:1', whose workers or scheduler were lost"),
        dask_executor("tcp://x:1"),
    ):
        raise distributed.KilledWorker("cell", SimpleNamespace(address="tcp://w:2"), 4)
    assert closed == [True]


def test_without_distributed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with (
        pytest.raises(MissingDependencyError, match=r"`distributed` cannot be imported .*linregions\[dask\]"),
        dask_executor("tcp://x:1"),
    ):
        pass
