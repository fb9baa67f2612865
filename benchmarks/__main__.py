"""Print every benchmark as a table: ``python benchmarks [planes] [scale] [lines] [distance] [jacobians] ...``.

Only on request, since they take minutes: ``scale-long``, ``graphs-long``, ``lines-long`` and ``distance-long``.
"""

from __future__ import annotations

import platform
import sys

import numba
import numpy as np

import bench_distance
import bench_fig5
import bench_graphs
import bench_lines
import bench_planes
import bench_scale
import bench_tracking

SETS = {
    "planes": bench_planes.rows,
    "scale": bench_scale.rows,
    "lines": bench_lines.rows,
    "graphs": bench_graphs.rows,
    "distance": bench_distance.rows,
    "jacobians": bench_distance.jacobian_rows,
    "tracking": bench_tracking.rows,
    "fig5": bench_fig5.rows,
}
LONG = {
    "scale-long": bench_scale.long_rows,
    "graphs-long": bench_graphs.long_rows,
    "lines-long": bench_lines.long_rows,
    "distance-long": bench_distance.long_rows,
}


def main(names: list[str]) -> int:
    """Run the named sets, or all but the long ones."""
    unknown = sorted(set(names) - set(SETS | LONG))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(SETS | LONG)}", file=sys.stderr)
        return 2
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}"
    print(f"# {versions}, {platform.machine()}")
    print("# ratio = time / yardstick: a plain float64 forward pass over the final points, one BLAS thread, same run")
    print("# (for graphs: of torch, at its best batch size, over as many points as there are regions, from a sample;")
    print("# for tracking and fig5: the training without it; for jacobians: all Jacobians, carried forwards in numpy;")
    print("# for boundaries: the partition)")
    print(f"{'case':<42}{'count':>9} {'of':<12}{'threads':>7}{'ms':>10}{'yardstick':>11}{'ratio':>8}", end="")
    print(f"{'goal':>6}{'MB':>8}")
    for name in names or SETS:
        for row in (SETS | LONG)[name]():
            goal = f"{row.goal:g}" if row.goal is not None else ""
            print(
                f"{row.case:<42}{row.count:>9} {row.of:<12}{row.threads:>7}{1e3 * row.seconds:>10.2f}"
                f"{1e3 * row.yardstick_seconds:>11.2f}{row.ratio:>8.3f}{goal:>6}{row.peak_megabytes:>8.1f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
