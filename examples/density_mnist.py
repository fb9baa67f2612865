"""Boundary volume of networks of MNIST's size, and what lies round examples: the tables of docs/density.md.

Run with ``python examples/density_mnist.py``; needs the extra ``torch``.
"""

from __future__ import annotations

import argparse

import numpy as np

import linregions as lr
from linregions._support.tables import format_table
from linregions.training import train

ARCHITECTURES = ([192], [96, 96], [64, 64, 64], [32] * 6, [128, 128, 128])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="the tables do not depend on it")
    threads = parser.parse_args().threads
    rows = []
    for hidden in ARCHITECTURES:
        networks = [lr.random_network([784, *hidden, 10], seed) for seed in range(10)]
        values = [lr.boundary_density(net, 0.0, 1.0, rng=1, n_chords=4000, threads=threads).value for net in networks]
        mean = lr.Estimate.from_samples(values)
        n = networks[0].n_neurons
        rows.append({"hidden layers": str(hidden), "neurons": n, "density": str(mean), "per neuron": mean.value / n})
    print(format_table(rows))

    data = lr.load_dataset("mnist")
    points = data.examples(np.arange(50), "test")
    rows = []
    for snapshot in train([784, 64, 64, 64, 10], data, epochs=10, snapshot_epochs=[0, 1, 10], rng=0):
        density = lr.boundary_density(snapshot.network, 0.0, 1.0, rng=1, n_chords=10_000, threads=threads)
        print(f"epoch {snapshot.epoch:g}: boundary density in [0, 1]^784 {density}")
        for radius in (0.5, 2.0, 5.0):
            found = lr.local_complexity(snapshot.network, points, radius, rng=1, n_planes=2, threads=threads)
            rows.append(
                {
                    "epoch": snapshot.epoch,
                    "radius": radius,
                    "line_regions": found.line_regions.mean(),
                    "plane_regions": found.plane_regions.mean(),
                    "frame_switches": found.frame_switches.mean(),
                    "sign_changes": found.sign_changes.mean(),
                }
            )
    print(format_table(rows))


if __name__ == "__main__":
    main()
