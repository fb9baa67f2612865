"""Memory limits, threads and batches of lines and distances: kept, and without any effect on results."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import linregions as lr
from linregions import Line, Path, Ray, Segment
from linregions.errors import InvalidTypeError, InvalidValueError, MemoryLimitError
from linregions.regions.lines.find import count_lines, partition_lines
from linregions.regions.lines.knobs import Knobs
from linregions.regions.options import Options
from tests.support import zoo
from tests.support.examples import pairs

ARRAYS = ("breakpoints", "is_linear_boundary", "first_pattern", "switch_offsets", "switch_neurons")


def assert_same_bits(parts, others):
    assert len(parts) == len(others)
    for part, other in zip(parts, others, strict=True):
        for name in (*ARRAYS, "switch_breakpoints", "switch_directions"):
            np.testing.assert_array_equal(getattr(part, name), getattr(other, name))
        assert part.diagnostics == other.diagnostics


def some_domains(n_in, rng, n):
    domains = []
    for _ in range(n):
        a, b = rng.normal(size=(2, n_in))
        domains += [Segment(a, b), Line(a, b), Ray(a, b), Path([a, b, -a, a]), Line(np.zeros(n_in), b)]
    return domains


def cases():
    rng = np.random.default_rng(7)
    return {
        "wide": lr.random_network([6, 90, 70, 3], rng, bias_variance=0.1),
        "deep": lr.random_network([3, *[9] * 12, 2], rng, bias_variance=0.1),
        "two breakpoints": lr.random_network([4, 20, 15, 2], rng, activation=lr.HARD_TANH, bias_variance=0.1),
        "no biases": zoo.zero_bias_one_layer(64, rng),
        "one layer without breakpoints": lr.random_network(
            [4, 20, 15, 12, 2], rng, activation=[lr.RELU, lr.IDENTITY, lr.ABS], bias_variance=0.1
        ),
        "trained": zoo.golden("mnist_64x3_trained").network,
    }


def least(work):
    """Return the limit that the error names."""
    with pytest.raises(MemoryLimitError, match=r"`memory_limit` is 1 bytes, but \w+ needs \d+ to take one") as caught:
        work(1)
    return int(re.search(r"needs (\d+) to", str(caught.value))[1])


@pytest.mark.parametrize("name", list(cases()))
@pytest.mark.parametrize("spacing", [None, 4, 100])
def test_lines_do_not_depend_on_limits_threads_or_batches(name, spacing):
    """However far apart pivots are, at this width or at all widths."""
    net = cases()[name]
    knobs = Knobs(spacing=spacing)
    domains = some_domains(net.n_in, np.random.default_rng(3), 3)
    whole = partition_lines(net, domains, knobs=knobs)
    counts = [part.n_regions for part in whole]
    enough = least(lambda limit: partition_lines(net, domains, Options(memory_limit=limit), knobs))
    for limit, threads in ((enough, 1), (enough + 50_000, 2), (3 * enough, 3), (10**9, 2)):
        options = Options(memory_limit=limit, threads=threads)
        assert_same_bits(partition_lines(net, domains, options, knobs), whole)
        assert count_lines(net, domains, options=options, knobs=knobs)[0].tolist() == counts
    assert_same_bits([partition_lines(net, [domain], knobs=knobs)[0] for domain in domains], whole)
    for numbers, rows in ((1, 8), (1, 9), (500, 8)):
        small = replace(knobs, stage_numbers=numbers, few_rows=rows, switches=8)
        assert_same_bits(partition_lines(net, domains, knobs=small), whole)


def test_a_path_longer_than_any_stage():
    rng = np.random.default_rng(4)
    net = lr.random_network([40, 30, 20, 1], rng, bias_variance=0.1)
    path = Path(rng.normal(size=(2000, 40)))
    whole = partition_lines(net, [path])
    assert whole[0].n_regions > 10_000
    enough = least(lambda limit: count_lines(net, [path], options=Options(memory_limit=limit)))
    assert_same_bits(partition_lines(net, [path], options=Options(memory_limit=enough)), whole)


def test_lines_keep_to_the_limit():
    """What `tracemalloc` sees of a count of many lines, and of one long line, is within the limit."""
    rng = np.random.default_rng(5)
    net = lr.random_network([20, 128, 128, 128, 2], rng, bias_variance=0.1)
    lines = [Line(a, b) for a, b in rng.normal(size=(100, 2, 20))]
    count_lines(net, lines[:3], "linear")
    for limit in (2_000_000, 5_000_000):
        tracemalloc.start()
        counts = count_lines(net, lines, "linear", options=Options(memory_limit=limit))[0]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert counts.sum() > 10_000
        assert peak <= limit


def test_limits_that_cannot_be_kept():
    net = cases()["wide"]
    line = [Line(np.zeros(6), np.ones(6))]
    enough = least(lambda limit: lr.count_regions(net, line, memory_limit=limit))
    with pytest.raises(InvalidValueError, match=f"but count_regions needs {enough} to take one line after the other"):
        lr.count_regions(net, line, memory_limit=enough - 1)
    assert lr.count_regions(net, line, memory_limit=enough)[0] > 1
    points = np.ones((2, 6))
    enough = least(lambda limit: lr.boundary_distance(net, points, memory_limit=limit))
    with pytest.raises(InvalidValueError, match=f"but boundary_distance needs {enough} to take one point after the"):
        lr.boundary_distance(net, points, memory_limit=enough - 1)
    with pytest.raises(InvalidTypeError, match="`memory_limit` is '1 GB'"):
        lr.boundary_distance(net, points, memory_limit="1 GB")
    with pytest.raises(InvalidValueError, match="`memory_limit` is 0, but boundary_distance needs at least 1"):
        lr.boundary_distance(net, points, memory_limit=0)


@pytest.mark.parametrize("name", list(cases()))
def test_distances_do_not_depend_on_limits_threads_or_batches(name):
    net = cases()[name]
    points = np.random.default_rng(6).normal(size=(700, net.n_in))
    whole = lr.boundary_distance(net, points, return_neurons=True)
    enough = least(lambda limit: lr.boundary_distance(net, points, memory_limit=limit))
    for limit, threads in ((enough, 1), (enough + 100_000, 2), (3 * enough, 3), (10**9, 2)):
        found = lr.boundary_distance(net, points, return_neurons=True, threads=threads, memory_limit=limit)
        np.testing.assert_array_equal(found, whole)
    parts = [lr.boundary_distance(net, part) for part in np.array_split(points, [1, 2, 5, 100, 102, 600])]
    np.testing.assert_array_equal(np.concatenate(parts), whole[0])


def test_distances_keep_to_the_limit_and_do_not_copy_points():
    net = zoo.golden("mnist_64x3_trained").network
    points = np.random.default_rng(3).integers(0, 255, (20_000, 784), dtype=np.uint8)
    lr.boundary_distance(net, points[:5])
    for limit in (2_000_000, 6_000_000):
        tracemalloc.start()
        distances = lr.boundary_distance(net, points, memory_limit=limit)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= limit + 12 * len(points) + 3_000_000  # the result, and the plan's own temporary arrays
    np.testing.assert_array_equal(distances[-3:], lr.boundary_distance(net, points[-3:].astype(float)))


def test_points_of_any_number_type_say_where_they_are_bad():
    net = cases()["wide"]
    points = np.ones((90_000, 6), dtype=np.float32)
    points[80_000, 2] = np.nan
    with pytest.raises(InvalidValueError, match=r"`points` holds 1 NaN or infinite value\(s\), .* \(80000, 2\)"):
        lr.boundary_distance(net, points)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")
@pytest.mark.parametrize("threads", [pytest.param(1, marks=pytest.mark.slow), 2])
@pytest.mark.parametrize(
    "work",
    [
        "count_lines(net, [lr.Line(np.zeros(9), b) for b in rng.normal(size=(300_000, 9))], threads={})",
        "lr.boundary_distance(net, rng.normal(size=(3_000_000, 9)), threads={})",
        "lr.boundary_density(net, -1.0, 1.0, rng=0, n_chords=100_000, codimension=2, threads={})",
        "lr.local_complexity(net, rng.normal(size=(100_000, 9)), 1.0, rng=0, n_frames=1, frame_size=1, threads={})",
    ],
)
def test_an_interrupt_ends_the_work(work, threads, interruptible):
    """The whole would take minutes."""
    script = (
        "import numpy as np, linregions as lr\n"
        "from linregions.regions.lines.find import count_lines\n"
        "rng = np.random.default_rng(0)\n"
        "net = lr.random_network([9, *[64] * 6, 2], rng, bias_variance=0.1)\n"
        "count_lines(net, [lr.Line(np.zeros(9), np.ones(9))])\n"
        "lr.boundary_distance(net, np.zeros((1, 9)))\n"
        "lr.local_complexity(net, np.zeros(9), 1.0, rng=0, n_planes=1)\n"
        "print('ready', flush=True)\n" + work.format(threads)
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1.5)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=20)[1]
    finally:
        process.kill()
        process.wait()
    assert errors.rstrip().endswith("KeyboardInterrupt")


HIGH = lr.random_network([200, 24, 24, 1], 0, bias_variance=0.1)
LOW = lr.random_network([2, 48, 48, 48, 1], 0, bias_variance=0.1)
SAMPLED = {
    "chords": lambda limit: lr.boundary_density(HIGH, 0.0, 1.0, rng=0, n_chords=3000, memory_limit=limit),
    "sections": lambda limit: lr.boundary_density(
        HIGH, 0.0, 1.0, rng=0, n_chords=40, codimension=2, memory_limit=limit
    ),
    "the whole": lambda limit: lr.boundary_density(LOW, -3.0, 3.0, rng=0, memory_limit=limit),
    "complexity": lambda limit: lr.local_complexity(HIGH, np.zeros((40, 200)), 1.0, rng=0, memory_limit=limit),
}


def values_of(found):
    return [value for value in vars(found).values() if isinstance(value, np.ndarray | float)]


@pytest.mark.parametrize("name", SAMPLED)
def test_densities_and_complexities_keep_to_a_limit(name):
    work = SAMPLED[name]
    limit = 24_000_000
    expected = work(None)
    assert values_of(expected)
    tracemalloc.start()
    try:
        found = work(limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    for value, other in zip(values_of(found), values_of(expected), strict=True):
        np.testing.assert_array_equal(value, other)
    assert peak < limit
    with pytest.raises(MemoryLimitError, match="`memory_limit`"):
        work(10_000)
    with pytest.raises(InvalidValueError, match="`memory_limit` is 0, but"):
        work(0)


def test_a_limit_takes_smaller_batches():
    peaks = []
    for limit in (None, 24_000_000, 6_000_000):
        tracemalloc.start()
        try:
            SAMPLED["complexity"](limit) if limit != 6_000_000 else SAMPLED["chords"](limit)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[0] > 1.5 * peaks[1]
    assert peaks[2] < 6_000_000


# ---- what errors advise, followed to the letter ----------------------------------------------------------------------

WINDOW = lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])


def limited_works():
    """What names a number when a limit on memory is too small, as functions of the limit."""
    many = lr.random_network([10, 32, 32, 2], 0, bias_variance=0.1)
    wide = lr.random_network([2, 128, 128, 2], 0, bias_variance=0.1)
    one = lr.random_network([1, 32, 32, 2], 0, bias_variance=0.1)
    centers = np.random.default_rng(0).normal(size=(9, 10))

    def complexity(**options):
        return lambda limit: lr.local_complexity(many, centers, 1.0, rng=1, memory_limit=limit, **options)

    def density(net, **options):
        return lambda limit: lr.boundary_density(net, 0.0, 1.0, rng=0, n_chords=40, memory_limit=limit, **options)

    def region(work, net=wide, **options):
        return lambda limit: work(net, WINDOW, memory_limit=limit, **options)

    def streamed(limit, **options):
        with tempfile.TemporaryDirectory() as folder:
            return lr.partition(wide, WINDOW, sink=lr.RegionStream(folder), memory_limit=limit, **options).n_regions

    line = Line(np.zeros(10), np.ones(10))
    deep = lr.random_network([2, *[24] * 6, 2], 0, bias_variance=0.1)
    return {
        "count on a line": lambda limit: lr.count_regions(many, line, memory_limit=limit),
        "partition of lines": lambda limit: lr.partition(many, [line] * 9, memory_limit=limit),
        "partition of lines, threads": lambda limit: lr.partition(many, [line] * 9, memory_limit=limit, threads=2),
        "distance": lambda limit: lr.boundary_distance(many, centers, memory_limit=limit),
        "distance, threads": lambda limit: lr.boundary_distance(many, centers, memory_limit=limit, threads=2),
        "linear distance": lambda limit: lr.boundary_distance(many, centers, kind="linear", memory_limit=limit),
        "complexity on lines": complexity(n_planes=0),
        "complexity": complexity(),
        "complexity, threads": complexity(threads=2),
        "density": density(many),
        "density, threads": density(many, threads=2),
        "density of codimension 2": density(many, codimension=2),
        "density of codimension 2, threads": density(many, codimension=2, threads=2),
        "density in an interval": density(one),
        "density in a rectangle": density(wide),
        "density in a rectangle, threads": density(wide, threads=2),
        "partition": region(lr.partition),
        "partition, threads": region(lr.partition, threads=2),
        "partition, deep": region(lr.partition, deep, threads=2),
        "count": region(lr.count_regions),
        "count, threads": region(lr.count_regions, threads=2),
        "count, linear": region(lr.count_regions, kind="linear"),
        "count, deep": region(lr.count_regions, deep),
        "statistics": region(lr.partition, sink=lr.RegionStatistics()),
        "statistics, threads": region(lr.partition, sink=lr.RegionStatistics(), threads=2),
        "stream": streamed,
        "stream, threads": lambda limit: streamed(limit, threads=2),
    }


NAMED = r"^`memory_limit` is {} bytes, but \w+ needs (\d+) (to|for) .*[Gg]ive that many"


@pytest.mark.parametrize(("name", "first"), pairs(limited_works(), [1, 100_000, 500_000], 3))
def test_what_a_memory_error_advises_works(name, first):
    """The number that the message names, passed as it stands, is enough, and the result is that without a limit."""
    work = limited_works()[name]
    error = None
    try:
        work(first)
    except MemoryLimitError as raised:
        error = raised
    if error is not None:  # some need less
        named = re.search(NAMED.format(first), str(error))
        assert named, str(error)
        assert int(named[1]) == error.needed > first
        work(int(named[1]))
    assert error is not None or first > 1


def test_what_is_advised_in_place_of_a_partition_works():
    net = lr.random_network([2, 128, 128, 2], 0, bias_variance=0.1)
    for threads in (1, 2):
        with pytest.raises(MemoryLimitError, match=r"`sink=RegionStatistics\(\)` or .* which needs \d+") as caught:
            lr.partition(net, WINDOW, memory_limit=1_000_000, threads=threads)
        limit = int(re.search(r"which needs (\d+)", str(caught.value))[1])
        found = lr.partition(net, WINDOW, sink=lr.RegionStatistics(), memory_limit=limit, threads=threads)
        assert found.n_regions == lr.count_regions(net, WINDOW)


def test_the_error_of_a_sampler_names_the_sampler():
    net = cases()["wide"]
    with pytest.raises(MemoryLimitError, match=r"`memory_limit` is 7 bytes, but local_complexity needs \d+ for"):
        lr.local_complexity(net, np.zeros((1, 6)), 1.0, rng=0, memory_limit=7)
    with pytest.raises(MemoryLimitError, match=r"`memory_limit` is 7 bytes, but boundary_density needs \d+ for"):
        lr.boundary_density(net, 0.0, 1.0, rng=0, memory_limit=7)
