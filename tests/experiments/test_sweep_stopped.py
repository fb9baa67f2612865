"""Sweeps that are killed or interrupted at a random moment end with the same tables, byte for byte."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support import sweep_cases

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="signals, and processes looked up in /proc"),
    pytest.mark.usefixtures("interruptible"),
]
_PROGRAM = [sys.executable, sweep_cases.__file__]


def start(words, folder):
    """Start a program; give it and the processes that it will have started to look for."""
    log = open(folder / "stderr.txt", "ab")  # noqa: SIM115  the process keeps it
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=log, cwd=folder)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


def n_cells(out):
    return len(list(Path(out).rglob("cells/*/*.json")))


def children_of(pid):
    """Return the processes that a process has started."""
    found = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def alive(pids):
    found = []
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(pid)
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    out = tmp_path_factory.mktemp("expected")
    sweep_cases.run(out, 1, 0.0)
    return sweep_cases.tables(out)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_and_gone_on_with(expected, tmp_path, workers):
    """SIGKILL when some cells are there, again when more are, then to the end."""
    words = [*_PROGRAM, str(tmp_path), str(workers), "0.02"]
    for least in (3, 15):
        process = start(words, tmp_path)
        wait_for(lambda: n_cells(tmp_path) >= least)  # noqa: B023  used within the loop
        workers_of_it = children_of(process.pid)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        wait_for(lambda: not alive(workers_of_it))  # noqa: B023
        assert least <= n_cells(tmp_path) < 36
        assert not sweep_cases.tables(tmp_path)
    assert start(words, tmp_path).wait() == 0
    assert sweep_cases.tables(tmp_path) == expected
    assert not sweep_cases.leftovers(tmp_path), "what was half-written is swept"


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_leaves_nothing_half_written(expected, tmp_path, workers):
    code = (
        "import sys; from tests.support import sweep_cases as s\n"
        "try:\n    s.run(sys.argv[1], int(sys.argv[2]), 0.02)\n"
        "except KeyboardInterrupt:\n    print('stopped', file=sys.stderr); sys.exit(130)"
    )
    words = [sys.executable, "-c", code, str(tmp_path), str(workers)]
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)
    wait_for(lambda: n_cells(tmp_path) >= 3)
    started = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr == "stopped\n"  # and no traceback of any worker
    wait_for(lambda: not alive(started))
    assert not sweep_cases.leftovers(tmp_path)
    assert 3 <= n_cells(tmp_path) < 36
    sweep_cases.run(tmp_path, 1, 0.0)
    assert sweep_cases.tables(tmp_path) == expected


def reproduce(out, data, settings, *more):
    words = [sys.executable, "-m", "linregions", "reproduce", "fig5", "fig6", "fig7"]
    return [*words, "--settings", str(settings), "--data", str(data), "--out", str(out), "--seed", "3", *more]


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """Three whole figures on a toy data set: the command's arguments, its tables, and how long it takes."""
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("figures")
    inputs = (sweep_cases.write_blobs(folder / "blobs.npz"), folder / "small.toml")
    inputs[1].write_text(sweep_cases.TOML)
    begin = time.monotonic()
    assert start(reproduce(folder / "out", *inputs, "--workers", "1"), folder).wait() == 0
    return inputs, sweep_cases.tables(folder / "out"), time.monotonic() - begin


@pytest.mark.slow
def test_figures_on_two_and_three_workers(figures, tmp_path):
    inputs, expected, _ = figures
    assert len(expected) > 8
    for workers in ("2", "3"):
        out = tmp_path / workers
        assert start(reproduce(out, *inputs, "--workers", workers), tmp_path).wait() == 0
        assert sweep_cases.tables(out) == expected


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_figures_killed_ten_times_at_random_moments(figures, tmp_path, workers):
    inputs, expected, seconds = figures
    rng = np.random.default_rng(int(workers))
    words = reproduce(tmp_path / "out", *inputs, "--workers", workers)
    for _ in range(10):
        process = start(words, tmp_path)
        time.sleep(rng.uniform(0.2, 1.0) * seconds)
        started = children_of(process.pid)
        process.kill()
        process.wait()
        wait_for(lambda: not alive(started))  # noqa: B023  used within the loop
    assert start(words, tmp_path).wait() == 0, (tmp_path / "stderr.txt").read_text()
    assert sweep_cases.tables(tmp_path / "out") == expected


@pytest.mark.slow
def test_figures_interrupted(figures, tmp_path):
    inputs, expected, _ = figures
    words = reproduce(tmp_path / "out", *inputs, "--workers", "2")
    process = start(words, tmp_path)
    wait_for(lambda: n_cells(tmp_path / "out") >= 5)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert (tmp_path / "stderr.txt").read_text().endswith("linregions: interrupted\n")
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()
    assert not sweep_cases.leftovers(tmp_path)
    assert start(words, tmp_path).wait() == 0
    assert sweep_cases.tables(tmp_path / "out") == expected
