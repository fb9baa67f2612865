"""A distance function learned from a shape made here, its exact surface, and what marching cubes make of it.

Run with ``python examples/distance_surface.py``; needs the extras ``torch``, ``plot``, ``mesh`` and ``topology``, and
scikit-image for marching cubes. Makes the table and the picture of docs/boxes.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import linregions as lr
from linregions._support.tables import format_table

GRIDS = (16, 32, 64, 128, 256)
# Ring, axle and a small ball off the ring: what is thin is what a grid misses.
RING, TUBE, AXLE, LENGTH = 0.6, 0.18, 0.05, 0.75
BALL, RADIUS = np.array([0.6, 0.6, 0.6]), 0.08


def distance(points: np.ndarray) -> np.ndarray:
    """Return the signed distance of points, shape (n, 3), from the shape, negative inside."""
    across = np.hypot(points[:, 0], points[:, 1])
    ring = np.hypot(across - RING, points[:, 2]) - TUBE
    axle = np.maximum(across - AXLE, np.abs(points[:, 2]) - LENGTH)
    ball = np.linalg.norm(points - BALL, axis=1) - RADIUS
    return np.minimum(np.minimum(ring, axle), ball)


def near_the_surface(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw points in the cube, many of them near ring, axle and ball."""
    angles = rng.uniform(0, 2 * np.pi, (2, n))
    ring = np.stack(
        [(RING + TUBE * np.cos(angles[1])) * np.cos(angles[0]), (RING + TUBE * np.cos(angles[1])) * np.sin(angles[0]),
         TUBE * np.sin(angles[1])], axis=1,
    )  # fmt: skip
    axle = np.stack(
        [AXLE * np.cos(angles[0]), AXLE * np.sin(angles[0]), rng.uniform(-1.05 * LENGTH, 1.05 * LENGTH, n)], axis=1
    )
    ball = rng.normal(size=(n, 3))
    ball = BALL + RADIUS * ball / np.linalg.norm(ball, axis=1, keepdims=True)
    on = np.concatenate([ring, axle, ball])
    return np.concatenate([on + rng.normal(size=on.shape) * 0.04, rng.uniform(-1, 1, (n, 3))])


def train(seed: int, steps: int, width: int) -> lr.Network:
    """Train a network on the clamped distance, with Adam."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU(),
        torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 1),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        points = near_the_surface(rng, 512)
        target = torch.tensor(np.clip(distance(points), -0.15, 0.15)[:, None], dtype=torch.float32)
        loss = (model(torch.tensor(points, dtype=torch.float32)) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return lr.from_torch(model)


def marching_cubes(network: lr.Network, n: int):
    """Return the mesh that marching cubes find on a grid of n^3 points in [-1, 1]^3."""
    import trimesh
    from skimage.measure import marching_cubes

    axis = np.linspace(-1, 1, n)
    slices = (np.stack(np.meshgrid([x], axis, axis, indexing="ij"), axis=-1).reshape(-1, 3) for x in axis)
    values = np.stack([network(points).reshape(n, n) for points in slices])
    vertices, faces, *_ = marching_cubes(values, 0.0, spacing=(2 / (n - 1),) * 3)
    return trimesh.Trimesh(vertices - 1, faces, process=True)


def distance_of(points: np.ndarray, mesh) -> float:
    """Return the largest distance of points from the vertices of a dense sample of a mesh."""
    from scipy.spatial import KDTree

    sample = mesh.sample(200_000, seed=0)
    return float(KDTree(sample).query(points)[0].max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="distance-surface", help="folder for network, mesh and picture")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--network", help="an NPZ file of an earlier run, in place of training")
    parser.add_argument("--width", type=int, default=32)
    arguments = parser.parse_args()
    out = Path(arguments.out)
    if arguments.network:
        network = lr.Network.load(arguments.network)
    else:
        network = train(0, arguments.steps, arguments.width)
    out.mkdir(parents=True, exist_ok=True)
    network.save(out / "distance.npz")
    part = lr.partition(network, lr.Box([-1, -1, -1], [1, 1, 1]))
    surface = part.level_set()
    exact = surface.to_trimesh()
    surface.save(out / "exact.ply")
    print(part, surface, "Betti numbers of the inside:", part.betti_numbers())
    rows = [
        {
            "surface": "exact", "triangles": len(surface.triangles), "area": surface.area,
            "volume": surface.enclosed_volume, "components": surface.n_components,
            "euler": surface.euler_characteristic, "missed by": 0.0,
        }
    ]  # fmt: skip
    meshes = {}
    for n in GRIDS:
        meshes[n] = mesh = marching_cubes(network, n)
        rows.append(
            {
                "surface": f"grid {n}^3", "triangles": len(mesh.faces), "area": float(mesh.area),
                "volume": float(abs(mesh.volume)), "components": int(mesh.body_count), "euler": int(mesh.euler_number),
                "missed by": distance_of(exact.vertices, mesh),
            }
        )  # fmt: skip
    print(format_table(rows))
    draw(surface, meshes, out / "boxes.png")


def draw(surface, meshes, path: Path) -> None:
    """Draw the exact surface beside two of the meshes."""
    from matplotlib.figure import Figure

    from linregions.plotting import plot_surface

    figure = Figure(figsize=(13, 4.4))
    axes = figure.subplots(1, 3, subplot_kw={"projection": "3d"})
    color = "#5b8db8"
    plot_surface(surface, axes[0], color=color, edges=True)
    axes[0].set_title(f"exact: {len(surface):,} polygons, one in each region it crosses")
    for ax, n in zip(axes[1:], (16, 32), strict=True):
        mesh = meshes[n]
        corners = np.arange(0, 3 * len(mesh.faces) + 1, 3)
        inside = np.tile([0, 1], (len(mesh.faces), 1))
        piece = type(surface)(np.asarray(mesh.vertices), corners, np.asarray(mesh.faces).ravel(), inside, inside)
        plot_surface(piece, ax, color=color, edges=True)
        ax.set_title(f"marching cubes on {n}³ points")
    for ax in axes:
        ax.set(xlim=(-0.85, 0.85), ylim=(-0.85, 0.85), zlim=(-0.85, 0.85))
        ax.set_box_aspect((1, 1, 1), zoom=1.32)
        ax.view_init(28, -50)
        ax.set_axis_off()
    figure.subplots_adjust(0, 0, 1, 0.92, 0, 0)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
