"""Digests of what the library returns on many networks, to the last bit: equal files mean equal results.

    python tools/result_digests.py before.json --networks 1000
    ... another version of the library ...
    python tools/result_digests.py after.json --networks 1000 --compare before.json

Golden cases, the zoo of the tests and random networks; windows (kept, counted, summed up, streamed; threads, limits
and an executor), lines, distances, densities, decision boundaries. Only public names are used.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import linregions as lr

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PLANE_ARRAYS = (
    "vertices", "edges", "edge_neuron", "edge_breakpoint", "edge_faces", "face_offsets", "face_vertices", "face_edges",
    "pattern_words", "areas", "affine_maps", "edge_is_linear_boundary",
)  # fmt: skip
LINE_ARRAYS = (
    "breakpoints", "is_linear_boundary", "first_pattern", "switch_offsets", "switch_neurons", "switch_breakpoints",
    "switch_directions", "slopes",
)  # fmt: skip


def digest(*values: Any) -> str:
    """Return a digest of arrays and of what JSON can say."""
    found = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            found.update(f"{value.dtype} {value.shape} ".encode() + np.ascontiguousarray(value).tobytes())
        else:
            found.update(json.dumps(value, sort_keys=True, default=float).encode())
    return found.hexdigest()[:20]


def told(work: Callable[[], str]) -> str:
    """Return what some work returns, or which error it raises."""
    try:
        return work()
    except lr.LinRegionsError as error:
        return type(error).__name__


def plane_digest(part: lr.PlanePartition) -> str:
    """Return a digest of a partition."""
    return digest(*(getattr(part, name) for name in PLANE_ARRAYS), part.diagnostics)


def line_digest(part: lr.LinePartition) -> str:
    """Return a digest of a partition of a line."""
    return digest(*(getattr(part, name) for name in LINE_ARRAYS), part.diagnostics)


def of_window(net: lr.Network, window: lr.PlaneWindow, pool: Any) -> Iterator[tuple[str, str]]:
    """Yield digests of all that is made of a window."""
    yield "partition", told(lambda: plane_digest(lr.partition(net, window)))
    yield "two threads", told(lambda: plane_digest(lr.partition(net, window, threads=2)))
    yield "limited", told(lambda: plane_digest(lr.partition(net, window, memory_limit=1 << 27)))
    for kind in ("activation", "linear", "gradient"):
        yield kind, told(lambda kind=kind: digest(int(lr.count_regions(net, window, kind))))  # type: ignore[misc]
    boundary = told(lambda: digest(lr.partition(net, window).decision_boundary().segments))
    yield "boundary", boundary
    statistics = told(lambda: statistics_digest(lr.partition(net, window, sink=lr.RegionStatistics())))
    yield "statistics", statistics
    if pool is not None:
        yield "executor", told(lambda: plane_digest(lr.partition(net, window, executor=pool)))
        with tempfile.TemporaryDirectory() as folder:
            stream = lr.RegionStream(Path(folder) / "stream")
            yield "stream", told(lambda: stream_digest(lr.partition(net, window, sink=stream)))


def statistics_digest(found: Any) -> str:
    """Return a digest of statistics."""
    return digest(found.n_regions, found.areas.counts, found.perimeters.counts, found.sides, found.boundary_length)


def stream_digest(found: lr.StreamedRegions) -> str:
    """Return a digest of streamed regions."""
    return digest(found.n_regions, found.areas, found.perimeters, *(found.polygon(k) for k in range(found.n_regions)))


def of_inputs(net: lr.Network, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Yield digests of lines, distances and densities in the input space."""
    lines: list[Any] = [lr.Line(rng.normal(size=net.n_in), rng.normal(size=net.n_in)) for _ in range(3)]
    lines.append(lr.Segment(rng.normal(size=net.n_in), rng.normal(size=net.n_in)))
    lines.append(lr.Ray(rng.normal(size=net.n_in), rng.normal(size=net.n_in)))
    lines.append(lr.Path(rng.normal(size=(4, net.n_in))))
    yield "lines", told(lambda: digest(*(line_digest(part) for part in lr.partition(net, lines))))
    yield "lines, two threads", told(lambda: digest(*(line_digest(p) for p in lr.partition(net, lines, threads=2))))
    for kind in ("activation", "linear", "gradient"):
        yield f"lines {kind}", told(lambda kind=kind: digest(lr.count_regions(net, lines, kind)))  # type: ignore[misc]
    points = rng.normal(size=(8, net.n_in))
    yield "distance", told(lambda: digest(lr.boundary_distance(net, points)))
    yield "linear distance", told(lambda: digest(lr.boundary_distance(net, points[:2], kind="linear")))
    yield "density", told(lambda: digest(lr.boundary_density(net, -1.0, 1.0, n_chords=8, rng=0).value))
    yield (
        "local complexity",
        told(lambda: digest(lr.local_complexity(net, points[:2], 0.5, rng=0, n_planes=1).line_regions)),
    )


def random_problem(rng: np.random.Generator) -> tuple[lr.Network, lr.PlaneWindow]:
    """Return a network of one to five layers of one to forty units, and a window."""
    from tests.support import zoo

    n_in, depth = int(rng.integers(2, 7)), int(rng.integers(1, 6))
    widths = [n_in, *(int(k) for k in rng.integers(1, 41, depth)), int(rng.integers(1, 5))]
    activation = list(zoo.ACTIVATIONS.values())[int(rng.integers(len(zoo.ACTIVATIONS)))]
    net = lr.random_network(widths, rng, bias_variance=0.1, activation=activation)
    frame = np.linalg.qr(rng.normal(size=(n_in, 2)))[0].T * np.exp(rng.normal(size=(2, 1)))
    corners = rng.uniform(0.5, 2.0, size=(4, 1)) * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    return net, lr.PlaneWindow(rng.normal(size=n_in), frame, corners)


def problems(n_networks: int) -> Iterator[tuple[str, lr.Network, lr.PlaneWindow]]:
    """Yield names, networks and windows."""
    from tests.support import zoo

    for name in ("toy2d_10_5", "toy2d_32x3", "mnist_64x3_trained", "mnist_128x3_trained"):
        case = zoo.golden(name)
        yield name, case.network, case.window
    for case in zoo.small_cases():
        yield f"zoo {case.name}", case.network, case.window
    for seed in range(n_networks):
        yield f"random {seed}", *random_problem(np.random.default_rng([20261127, seed]))


def main() -> int:
    """Write the digests, or say where they differ from others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--networks", type=int, default=1000, help="random networks beside golden cases and the zoo")
    parser.add_argument("--compare", type=Path, help="digests of another version")
    parser.add_argument("--executor-every", type=int, default=10, help="how often an executor and a stream are tried")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    found: dict[str, str] = {}
    with ProcessPoolExecutor(1) as pool:
        for number, (name, net, window) in enumerate(problems(given.networks)):
            used = pool if number % given.executor_every == 0 else None
            for what, value in of_window(net, window, used):
                found[f"{name}: {what}"] = value
            for what, value in of_inputs(net, np.random.default_rng([1, number])):
                found[f"{name}: {what}"] = value
    given.out.write_text(json.dumps(found, indent=1))
    print(f"{len(found)} results of {len({key.split(':')[0] for key in found})} networks in {given.out}")
    errors = sum(value.endswith("Error") for value in found.values())
    print(f"{errors} of them are errors")
    if given.compare is None:
        return 0
    before = json.loads(given.compare.read_text())
    differ = sorted(key for key in found.keys() | before.keys() if found.get(key) != before.get(key))
    print(f"{len(differ)} differ from {given.compare}")
    print("\n".join(differ[:20]))
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
