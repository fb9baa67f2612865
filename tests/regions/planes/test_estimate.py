"""What a window will cost, from a few of its cells; the bar while it is worked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.cli import main
from linregions.errors import NumericalError
from linregions.regions.planes import estimate as plane_estimate
from linregions.regions.planes.engine import buffers as _plane_buffers
from linregions.regions.planes.engine.window import WholeWindow
from linregions.regions.planes.estimate import estimate_plane
from tests.support import zoo

CASES = {
    case.name: case
    for case in [
        *map(zoo.golden, ("toy2d_10_5", "toy2d_32x3", "mnist_64x3_trained", "mnist_128x3_trained")),
        *(case for case in zoo.small_cases() if case.name in ("three breaks", "no hidden layer", "64 lines, rotated")),
    ]
}


@pytest.mark.parametrize("name", CASES)
def test_regions_are_within_the_error(name: str) -> None:
    case = CASES[name]
    n = lr.count_regions(case.network, case.window)
    cells = lr.partition(case.network, case.window).diagnostics["cells"]
    for sample in (5, 12, 50):
        found = estimate_plane(case.network, case.window, sample=sample)
        assert (found.cells, found.sampled) == (cells, min(cells, sample))
        assert found.n_regions.n == found.sampled
        if found.sampled == cells:
            assert found.n_regions.stderr == 0.0
            assert found.n_regions.value == pytest.approx(n, rel=1e-12)
        else:
            assert 0 <= found.n_regions.stderr < 0.6 * n
            assert (found.n_regions.stderr == 0) == (case.n_linear_regions == 128), "one layer: regions are its faces"
            assert abs(found.n_regions.value - n) <= 3 * found.n_regions.stderr + 1e-9 * n


def test_errors_are_those_of_many_networks() -> None:
    z = []
    for seed in range(40):
        net = lr.random_network([2, 48, 32, 1], seed, bias_variance=0.3)
        found = estimate_plane(net, zoo.WIDE, sample=8)
        assert found.sampled == 8 < found.cells
        z.append((found.n_regions.value - lr.count_regions(net, zoo.WIDE)) / found.n_regions.stderr)
    assert abs(np.mean(z)) < 4 / np.sqrt(40) + 0.3  # a ratio of means is a little biased
    assert 0.5 < np.std(z) < 2.0


@pytest.mark.parametrize(("widths", "half"), [([2, 450, 6, 1], 4.0), ([2, 600, 40, 1], 2.0)])
def test_windows_that_hundreds_of_lines_cross(widths: list[int], half: float) -> None:
    net = lr.random_network(widths, 0, bias_variance=1.0)
    window = lr.PlaneWindow.of_inputs([-half, -half], [half, half])
    found, n = estimate_plane(net, window), lr.count_regions(net, window)
    assert found.sampled == 12 < found.cells
    assert 0 < found.n_regions.stderr < 0.15 * n, "blocks differ in size by orders of magnitude, which is known"
    assert abs(found.n_regions.value - n) < 4 * found.n_regions.stderr


@pytest.mark.parametrize("widths", [[2, 32, 1024, 1], [2, 64, 1024, 1]], ids=repr)
def test_few_cells_are_worked_where_each_is_a_large_part(widths: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve, none of them twice, of which one is the largest: not a whole batch of the largest beside them."""
    worked: list[int] = []

    original = WholeWindow.work

    def noted(self: WholeWindow, job: Any, sink: Any, task: Any, *others: Any) -> Any:
        worked.extend(task.tolist())
        return original(self, job, sink, task, *others)

    net = lr.random_network(widths, 0)
    n = lr.count_regions(net, square(1.0))
    monkeypatch.setattr(WholeWindow, "work", noted)
    found = estimate_plane(net, square(1.0))
    assert len(worked) == len(set(worked)) == found.sampled == 12
    assert found.cells > 200
    assert abs(found.n_regions.value - n) < 4 * found.n_regions.stderr


def test_nothing_is_estimated_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_estimate, "estimate_plane", None)  # would fail if called
    case = CASES["toy2d_32x3"]
    n = lr.partition(case.network, case.window).n_regions
    assert lr.count_regions(case.network, case.window, progress=True) == n
    assert lr.count_regions(case.network, case.window, memory_limit=1 << 28) == n


def test_time_and_memory() -> None:
    few, many = (
        estimate_plane(CASES[name].network, CASES[name].window) for name in ("toy2d_32x3", "mnist_128x3_trained")
    )
    assert 0 < few.seconds < many.seconds < 60
    assert few.bytes_statistics <= few.bytes_collected < many.bytes_collected
    whole = lr.partition(CASES["mnist_128x3_trained"].network, CASES["mnist_128x3_trained"].window)
    kept = sum(array.nbytes for array in vars(whole).values() if isinstance(array, np.ndarray))
    assert kept < many.bytes_collected < 6 * kept, "most of it are buffers, for so few regions"


def square(half: float) -> lr.PlaneWindow:
    return lr.PlaneWindow.of_inputs([-half, -half], [half, half])


MNIST = CASES["mnist_64x3_trained"].window
PART = lr.PlaneWindow.square(MNIST.origin, MNIST.basis, 0.05 * float(np.abs(MNIST.polygon).max()))
MEMORY = {
    **{name: (CASES[name].network, CASES[name].window) for name in list(CASES)[:4]},
    "8": (lr.random_network([2, 8, 8, 1], 0, bias_variance=1.0), square(1.0)),
    "512 x 3": (lr.random_network([784, 512, 512, 512, 10], 0), PART),
    "300 x 3": (lr.random_network([2, 300, 300, 300, 1], 0, bias_variance=1.0), square(1.0)),
    "2400 x 2": (lr.random_network([2, 2400, 2400, 1], 0, bias_variance=0.3), square(0.02)),
    "450, 6": (lr.random_network([2, 450, 6, 1], 0, bias_variance=1.0), square(4.0)),
    "600, 40": (lr.random_network([2, 600, 40, 1], 0, bias_variance=1.0), square(2.0)),
    "4, 512, 512": (lr.random_network([2, 4, 512, 512, 1], 0, bias_variance=1.0), square(0.1)),
    "32, 1024": (lr.random_network([2, 32, 1024, 1], 0, bias_variance=1.0), square(1.0)),
    "8, 8, 1024": (lr.random_network([2, 8, 8, 1024, 1], 0, bias_variance=1.0), square(10.0)),
    "32 x 12": (lr.random_network([2, *[32] * 12, 1], 0, bias_variance=1.0), square(0.1)),
    "64 x 7": (lr.random_network([2, *[64] * 7, 1], 0, bias_variance=1.0), square(16.0)),
}


def most_memory(work: Callable[[], object]) -> int:
    work()  # compiled, imported, cached
    _plane_buffers.let_go()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", MEMORY)
def test_memory_is_about_what_is_taken(name: str) -> None:
    """Sampled cells are seldom those that take most, hence the margins."""
    net, window = MEMORY[name]
    found = estimate_plane(net, window)
    statistics = most_memory(lambda: lr.partition(net, window, sink=lr.RegionStatistics()))
    collected = most_memory(lambda: lr.partition(net, window))
    assert 0.7 * statistics < found.bytes_statistics < 1.8 * statistics
    assert 0.7 * collected < found.bytes_collected < 1.8 * collected
    assert found.bytes_statistics <= found.bytes_collected


def test_without_neurons() -> None:
    found = estimate_plane(CASES["no hidden layer"].network, CASES["no hidden layer"].window)
    assert (found.n_regions.value, found.n_regions.stderr, found.cells) == (1.0, 0.0, 1)


def test_signs_that_contradict_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from linregions.regions.planes.engine import first_layer as _plane_root

    def contradicted(*_: Any) -> Any:
        raise _plane_root.Contradiction

    monkeypatch.setattr(_plane_root, "cut_root", contradicted)
    with pytest.raises(
        NumericalError, match=r"`network` has pre-activations .* but an estimate needs consistent signs"
    ):
        estimate_plane(CASES["toy2d_32x3"].network, CASES["toy2d_32x3"].window)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    CASES["toy2d_32x3"].network.save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def test_info_estimates(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["info", str(model), "--estimate", "--low", "-1", "-1", "--high", "1", "1"]
    assert main(words) == 0
    out = capsys.readouterr().out
    n = lr.count_regions(CASES["toy2d_32x3"].network, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    found = re.search(
        r"about ([\d,]+)( ± [\d,]+)? activation regions in this window \(from (\d+) of its (\d+) cells\)", out
    )
    assert found is not None
    assert 0.5 * n < int(found[1].replace(",", "")) < 2 * n
    assert re.search(r"about [\d.e-]+ s on one thread\n", out)
    assert re.search(r"about \d+ MB for a whole partition, \d+ MB to count or measure without keeping regions\n", out)
    assert "parameters" in out


def test_info_needs_a_window_to_estimate(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(model), "--estimate"]) == 2
    assert "`--through` is missing, but --estimate needs a window" in capsys.readouterr().err
    assert main(["info", str(model)]) == 0
    assert "activation regions" not in capsys.readouterr().out


def test_info_through_examples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CASES["mnist_64x3_trained"].network.save(tmp_path / "model.npz")
    assert main(["info", str(tmp_path / "model.npz"), "--estimate", "--through", "1", "3", "5"]) == 0
    assert "activation regions in this window" in capsys.readouterr().out


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    lr.partition(CASES["toy2d_32x3"].network, CASES["toy2d_32x3"].window, progress=True)
    assert capsys.readouterr().err == ""


BAR = """
import sys, time
sys.path.insert(0, {tests!r})
import linregions as lr
from tests.support import zoo
case = zoo.golden("mnist_64x3_trained")
class Slow(lr.RegionStatistics):
    def collect(self, digested):
        super().collect(digested)
        time.sleep(0.05)
for threads in (1, 2):
    sink = Slow()
    sink.cells_in_batch = 1
    lr.partition(case.network, case.window, sink=sink, progress=True, threads=threads)
lr.partition(case.network, case.window)
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_the_bar_tells_area_and_regions() -> None:
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 110, 0, 0))
    code = BAR.format(tests=str(Path(__file__).parents[3]))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            shown += piece
        out, _ = process.communicate(timeout=60)
    os.close(ours)
    assert (process.returncode, out) == (0, b""), shown.decode()
    lines = [line for line in shown.decode().split("\r") if line.startswith("window:")]
    seen = [
        re.match(r"window: +(\d+)% of its area .*\[\d\d:\d\d<[\d:?]+(?:, ([\d,]+) regions)?\]", line) for line in lines
    ]
    assert all(seen), lines
    percent = [int(match[1]) for match in seen if match]
    regions = [int(match[2].replace(",", "")) for match in seen if match and match[2]]
    restart = percent.index(0, 1)
    for part in (percent[:restart], percent[restart:]):
        assert part == sorted(part)
        assert part[0] == 0
        assert part[-1] > 80
    assert len(set(regions)) > 5
    assert 0 < max(regions) <= 7939
