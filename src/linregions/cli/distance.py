"""The command ``distance``: distances of points to the nearest boundary."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

import numpy as np

from linregions._support.tables import Row, read_points
from linregions._support.validation import FloatArray
from linregions.cli.arguments import add_common, add_name, add_picture, count_from, data_of, shows_progress, title_of
from linregions.cli.models import add_model, model_of
from linregions.cli.results import finish, output_of
from linregions.errors import InvalidValueError
from linregions.measures.distances.distance import boundary_distance
from linregions.networks.network import Network
from linregions.plotting import distance_figure

_EPILOG = """examples:
  linregions distance model.npz --dataset test -n 1000 --seed 1
  linregions distance model.npz --dataset normal -n 10000      normal with the componentwise moments of the data
  linregions distance model.npz --points points.csv"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    add_model(parser)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--points", metavar="FILE", help="points, one a row (.npy, .npz or text)")
    where.add_argument(
        "--dataset",
        choices=("train", "test", "normal"),
        help="random examples of the data set, or points drawn normally with its componentwise mean and variance",
    )
    parser.add_argument("-n", type=count_from(1), default=1000, help="how many, with --dataset (default: 1000)")
    parser.add_argument(
        "--kind",
        choices=("activation", "linear"),
        default="activation",
        help="boundaries of activation regions, or of linear regions alone (default: activation)",
    )
    add_picture(parser)
    add_common(parser)
    add_name(parser)


def run(arguments: Namespace) -> None:
    """Measure distances to the nearest boundary."""
    network = model_of(arguments)
    points = _points(arguments, network)
    output = output_of(arguments, "distance", network, {"points": points})
    distances, neurons, nearest = boundary_distance(
        network,
        points,
        kind=arguments.kind,
        return_neurons=True,
        return_points=True,
        threads=arguments.threads,
        progress=shows_progress(arguments),
    )
    summary: Row = {
        "points": len(distances),
        "mean": float(distances.mean()),
        "median": float(np.median(distances)),
        "smallest": float(distances.min()),
        "largest": float(distances.max()),
        "neurons": network.n_neurons,
        "mean_times_neurons": float(distances.mean()) * network.n_neurons,
    }
    places = [network.locate_neuron(int(k)) if k >= 0 else (-1, -1) for k in neurons]
    rows = [
        {"point": k, "distance": float(distance), "layer": layer + 1, "neuron": index}
        for k, (distance, (layer, index)) in enumerate(zip(distances, places, strict=True))
    ]

    def figure() -> Any:
        which = "boundaries of linear regions, " if arguments.kind == "linear" else ""
        title = f"{len(distances):,} points, {which}network with {network.n_neurons:,} neurons"
        return distance_figure(distances, title=title_of(arguments, title), size=arguments.size)

    arrays = {"distances": distances, "neurons": neurons, "points": points, "nearest": nearest}
    finish(output, network, summary, rows, arrays, figure, {})


def _points(arguments: Namespace, network: Network) -> FloatArray:
    if arguments.points is not None:
        points = read_points(
            arguments.points, "linregions distance", "--points", network.n_in, network.graph.input_shape
        )
        if points.shape[1] != network.n_in:
            raise InvalidValueError(
                f"`--points` has {points.shape[1]} coordinates in a row, but the model has {network.n_in} inputs. "
                "Give one column for each."
            )
        return points
    data = data_of(arguments, network)
    rng = np.random.default_rng(arguments.seed)
    if arguments.dataset == "normal":
        return rng.normal(data.mean, np.sqrt(data.variance), size=(arguments.n, data.n_in))
    size = len(data.y_train if arguments.dataset == "train" else data.y_test)
    if arguments.n > size:
        raise InvalidValueError(
            f"`-n` is {arguments.n}, but {data.name} has {size} examples for `--dataset {arguments.dataset}`. "
            "Give a smaller number."
        )
    return data.examples(rng.choice(size, arguments.n, replace=False), arguments.dataset)
