"""Statistics and whole partitions of large windows, the memory they take, and how time grows with the regions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import linregions as lr
from bench_planes import load_case, restricted
from linregions.regions.planes.estimate import estimate_plane
from measure import GOLDEN, Row, compare, peak_megabytes, plain_forward, seconds

# Width, half the side of the window in units of the standard one, goal of statistics in yardsticks.
_WIDE = ((256, 1.0, 0.15), (512, 0.35, 0.08), (1024, 0.13, 0.05))


def rows() -> Iterator[Row]:
    """Measure statistics and whole partitions of the standard cases, wide networks and a deep one."""
    for width, goal in ((64, 0.55), (128, 0.20)):
        name = f"mnist_{width}x3_trained"
        yield from _both(name, *load_case(GOLDEN / f"{name}.npz"), goal, goal * 1.4)
    _, standard = load_case(GOLDEN / "mnist_64x3_trained.npz")
    half = float(np.abs(standard.polygon).max())
    for width, scale, goal in _WIDE:
        net = lr.random_network([784, width, width, width, 10], 0)
        window = lr.PlaneWindow.square(standard.origin, standard.basis, scale * half)
        yield from _both(f"{width}x3 at initialisation", net, window, goal, 1.4 * goal)
    net = lr.random_network([784, *[32] * 12, 10], 0)
    yield from _both("32x12 at initialisation", net, standard, None, None)
    yield from _narrow()


def _narrow() -> Iterator[Row]:
    """Measure counts where a narrow layer comes before a wide last one, and beside them an estimate."""
    window = lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
    for first, last in ((64, 1024), (32, 1024), (32, 2048)):
        net = lr.random_network([2, first, last, 1], 0)
        count = lr.count_regions(net, window)
        points = np.random.default_rng(0).uniform(-1.0, 1.0, (count, 2))
        yield from compare(
            f"{first}, {last} at initialisation, count",
            count,
            "regions",
            lambda threads, net=net: lr.count_regions(net, window, threads=threads),
            lambda net=net, points=points: [plain_forward(net, part) for part in np.array_split(points, 64)],
        )
        yield from compare(
            f"{first}, {last} at initialisation, estimate",
            count,
            "regions",
            lambda _, net=net: estimate_plane(net, window),
            lambda net=net: lr.count_regions(net, window),
            threads=(1,),
        )


def _both(
    name: str, net: lr.Network, window: lr.PlaneWindow, goal: float | None, collect_goal: float | None
) -> Iterator[Row]:
    plane_net = restricted(net, window)
    made = lr.partition(net, window)

    def forward() -> None:
        plain_forward(plane_net, made.vertices)

    def statistics(threads: int) -> None:
        lr.partition(net, window, sink=lr.RegionStatistics(), threads=threads)

    def collect(threads: int) -> None:
        lr.partition(net, window, threads=threads)

    yield from compare(f"{name}, statistics", made.n_regions, "regions", statistics, forward, goal=goal)
    yield from compare(f"{name}, collect", made.n_regions, "regions", collect, forward, goal=collect_goal)


def long_rows() -> Iterator[Row]:
    """Measure statistics of one network of two inputs in windows of 10^4 to 10^7 regions; print how time grows."""
    net = lr.random_network([2, 2400, 2400, 1], 0, bias_variance=0.3)
    sizes, times = [], []
    for half in (0.02, 0.1, 0.4, 6.0):
        window = lr.PlaneWindow.of_inputs([-half, -half], [half, half])
        count = lr.count_regions(net, lr.PlaneWindow.of_inputs([-0.01, -0.01], [0.01, 0.01]))  # compiles

        def work(window: lr.PlaneWindow = window) -> None:
            nonlocal count
            count = lr.partition(net, window, sink=lr.RegionStatistics()).n_regions

        time = seconds(work)
        sizes.append(count)
        times.append(time)
        unit = _forward_of(net, count)
        peak = peak_megabytes(work)
        yield Row(f"2400x2 of two inputs, half {half:g}, statistics", count, "regions", time, unit, peak, 1)
    exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
    print(f"# time grows as regions to the power {exponent:.3f} (goal 1.05)")


def _forward_of(net: lr.Network, n_points: int) -> float:
    """Time a forward pass over as many points, from a sample of them."""
    few = np.random.default_rng(0).uniform(-1, 1, (min(n_points, 4096), net.n_in))
    plain_forward(net, few)
    return min(seconds(lambda: plain_forward(net, few)) for _ in range(3)) * n_points / len(few)
