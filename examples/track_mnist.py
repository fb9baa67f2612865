"""Train a network on MNIST in a loop of one's own, and follow its linear regions as it learns.

Run with ``python examples/track_mnist.py [--quick] [--out DIR]``; needs the extras ``torch`` and ``plot``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import linregions as lr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two epochs instead of twenty")
    parser.add_argument("--every", type=int, help="steps between records; by default as often as is cheap")
    parser.add_argument(
        "--out", type=Path, default=Path("linregions-results/tracking"), help="folder for table and figure"
    )
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    torch.manual_seed(chosen.seed)
    torch.set_num_threads(1)  # faster for layers as small as these, above all on a busy machine

    mnist = lr.load_dataset("mnist")
    x = torch.tensor(mnist.x_train, dtype=torch.float32)
    y = torch.tensor(mnist.y_train)
    module = torch.nn.Sequential(
        *(torch.nn.Linear(784, 64), torch.nn.ReLU()),
        *(torch.nn.Linear(64, 64), torch.nn.ReLU()),
        *(torch.nn.Linear(64, 64), torch.nn.ReLU()),
        torch.nn.Linear(64, 10),
    )
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)

    # What to follow: 20 lines and 500 points chosen from the data, and the plane through three examples.
    window = lr.PlaneWindow.through(*mnist.x_train[rng.choice(len(y), 3, replace=False)])
    tracker = lr.Tracker(
        [*lr.default_probes(mnist.x_train, rng), lr.PlaneProbe(window)],
        every=chosen.every or "auto",
        steps_per_epoch=-(-len(y) // 128),
    ).live(chosen.out / "tracking.png")

    for _ in range(2 if chosen.quick else 20):
        for rows in torch.tensor(rng.permutation(len(y))).split(128):
            tracker(module)
            loss = torch.nn.functional.cross_entropy(module(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    tracker(module, force=True)

    tracker.to_csv(chosen.out / "tracking.csv")
    first, last = tracker.rows[0], tracker.rows[-1]
    print(f"{len(tracker.rows)} records in {chosen.out} for {100 * tracker.share:.1f} % of the training's time")
    print(f"regions on a line: {first['lines/regions']:.1f} before, {last['lines/regions']:.1f} after")


if __name__ == "__main__":
    main()
