"""What each command does: read, compute, write, print a table."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from linregions._support.tables import Row, format_table, read_points, writable_folder
from linregions._support.validation import FloatArray, as_positive
from linregions.cli.models import read_model
from linregions.cli.outputs import Output, arrays_of, prepare_output, print_result
from linregions.datasets import Dataset, load_dataset
from linregions.domains.windows import Line, LineDomain, PlaneWindow, Ray, Segment
from linregions.domains.windows import Path as PolygonalPath
from linregions.errors import FileFormatError, InvalidValueError
from linregions.experiments import EXPERIMENTS, redraw, reproduce, reproduced
from linregions.experiments.context import Context
from linregions.experiments.executors import dask_executor
from linregions.experiments.report import write_report
from linregions.experiments.saved import AbsentFileError, load_saved
from linregions.experiments.settings import chosen_settings, read_settings
from linregions.measures.distances.distance import boundary_distance
from linregions.networks.network import Network
from linregions.plotting import distance_figure, line_figure, plane_figure
from linregions.plotting.style import color_map
from linregions.regions.partition import partition
from linregions.regions.planes.estimate import estimate_plane


def run_reproduce(arguments: Namespace) -> None:
    """Reproduce figures of the paper."""
    chosen = arguments.experiments
    names = list(EXPERIMENTS) if "all" in chosen else list(dict.fromkeys(chosen))
    # Before any work, all that is wrong with the file comes out.
    changes = read_settings(arguments.settings, tuple(EXPERIMENTS)) if arguments.settings else {}
    settings = {
        name: chosen_settings(name, full=arguments.full, changes=changes.get(name, {}))
        for name in dict.fromkeys([*names, *changes])
    }
    with dask_executor(arguments.dask) if arguments.dask else nullcontext() as executor:
        context = Context(
            out=arguments.out,
            seed=arguments.seed,
            data=arguments.data,
            formats=arguments.format,
            threads=arguments.threads,
            progress=_progress(arguments),
            workers=arguments.workers,
            executor=executor,
            force=arguments.force,
        )
        for name in names:  # before any work
            context.check_replaced(name, settings[name])
        for name in names:
            done = reproduce(name, context, settings=settings[name])
            print(f"{name}: {EXPERIMENTS[name]}")
            # A table of thousands of rows is for the file; the overview is for the eye.
            print_result(done.measurement.tables.get("overview", done.measurement.rows), done.files)
    print(f"report: {write_report(arguments.out)}")


def run_plot(arguments: Namespace) -> None:
    """Draw figures again from saved tables."""
    there = reproduced(arguments.results)
    chosen = arguments.experiments
    names = there if "all" in chosen else list(dict.fromkeys(chosen))
    for name in names:  # before any is drawn
        load_saved(arguments.results, name)
    out = writable_folder(arguments.out or arguments.results, "linregions plot")
    for name in names:
        try:
            files = redraw(name, arguments.results, arguments.format, out)
        except AbsentFileError as error:
            if "all" not in chosen:
                raise
            print(f"{name}: left out. {error}")  # tables are often handed on without the large files beside them
            continue
        print(f"{name}: {', '.join(file.name for file in files)}")
    print(f"written to {out}")
    print(f"report: {write_report(arguments.results, out)}")


def run_plane(arguments: Namespace) -> None:
    """Cut a window of a plane."""
    net = read_model(arguments.model)
    window, points, labels = _window(arguments, net)
    output = _output(arguments, "plane", net, arrays_of(window))
    if output.formats:
        color_map(arguments.colormap, "linregions plane")  # before any work
    part = partition(net, window, threads=arguments.threads, progress=_progress(arguments))

    def figure() -> Any:
        return plane_figure(
            part,
            title=_title(arguments, f"{part.n_regions:,} regions of {Path(arguments.model).name}"),
            color_by=arguments.color_by,
            decision_boundary=arguments.decision or arguments.decision_boundary,
            level=arguments.level,
            points=points,
            labels=labels,
            colormap=arguments.colormap,
            size=arguments.size,
        )

    summary: Row = {
        "regions": part.n_regions,
        "linear_regions": part.n_linear_regions,
        "gradient_regions": part.n_gradient_regions,
        "neurons": net.n_neurons,
        "vertices": len(part.vertices),
        "edges": len(part.edges),
        "undecided": part.diagnostics["undecided"],
        "boundary_length": part.boundary_length,
        "area": window.area,
    }
    regions = [
        {
            "region": k,
            "linear_region": int(linear),
            "gradient_region": int(gradient),
            "sides": int(sides),
            "area": float(area),
            "perimeter": float(length),
        }
        for k, (linear, gradient, sides, area, length) in enumerate(
            zip(
                part.linear_labels,
                part.gradient_labels,
                np.diff(part.face_offsets),
                part.areas,
                part.perimeters,
                strict=True,
            )
        )
    ]
    _finish(output, net, summary, regions, part, figure, part.diagnostics)


def run_line(arguments: Namespace) -> None:
    """Cut a line, ray, segment or path."""
    net = read_model(arguments.model)
    domain = _line(arguments, net)
    output = _output(arguments, "line", net, arrays_of(domain))
    part = partition(net, domain, threads=arguments.threads, progress=_progress(arguments))
    kind = type(domain).__name__.lower()
    title = f"{part.n_regions:,} regions of {Path(arguments.model).name} on a {kind}"

    def figure() -> Any:
        return line_figure(part, title=_title(arguments, title), interval=arguments.interval, size=arguments.size)

    summary: Row = {
        "domain": kind,
        "regions": part.n_regions,
        "linear_regions": part.n_linear_regions,
        "gradient_regions": part.n_gradient_regions,
        "neurons": net.n_neurons,
        "undecided": part.diagnostics["undecided"],
        "regions_per_neuron": part.n_regions / max(net.n_neurons, 1),
    }
    switches = [
        {
            "t": float(t),
            "layer": layer + 1,
            "neuron": index,
            "breakpoint": int(which),
            "linear_boundary": bool(linear),
            "gradient_boundary": bool(gradient),
        }
        for t, (layer, index), which, linear, gradient in zip(
            part.breakpoints,
            map(net.locate_neuron, part.neurons.tolist()),
            part.breakpoint_indices,
            part.is_linear_boundary,
            part.is_gradient_boundary,
            strict=True,
        )
    ]
    _finish(output, net, summary, switches, part, figure, part.diagnostics)


def run_distance(arguments: Namespace) -> None:
    """Measure distances to the nearest boundary."""
    net = read_model(arguments.model)
    points = _points(arguments, net)
    output = _output(arguments, "distance", net, {"points": points})
    distances, neurons, nearest = boundary_distance(
        net,
        points,
        kind=arguments.kind,
        return_neurons=True,
        return_points=True,
        threads=arguments.threads,
        progress=_progress(arguments),
    )
    summary: Row = {
        "points": len(distances),
        "mean": float(distances.mean()),
        "median": float(np.median(distances)),
        "smallest": float(distances.min()),
        "largest": float(distances.max()),
        "neurons": net.n_neurons,
        "mean_times_neurons": float(distances.mean()) * net.n_neurons,
    }
    places = [net.locate_neuron(int(k)) if k >= 0 else (-1, -1) for k in neurons]
    rows = [
        {"point": k, "distance": float(distance), "layer": layer + 1, "neuron": index}
        for k, (distance, (layer, index)) in enumerate(zip(distances, places, strict=True))
    ]

    def figure() -> Any:
        which = "boundaries of linear regions, " if arguments.kind == "linear" else ""
        title = f"{len(distances):,} points, {which}network with {net.n_neurons:,} neurons"
        return distance_figure(distances, title=_title(arguments, title), size=arguments.size)

    arrays = {"distances": distances, "neurons": neurons, "points": points, "nearest": nearest}
    _finish(output, net, summary, rows, arrays, figure, {})


def run_info(arguments: Namespace) -> None:
    """Tell the architecture of a network."""
    net = read_model(arguments.model)
    names = [activation.name for activation in net.activations] + ["none (output)"]
    breakpoints = [activation.n_breakpoints for activation in net.activations] + [0]
    rows = [
        {
            "layer": k + 1,
            "inputs": layer.weight.shape[1],
            "units": layer.weight.shape[0],
            "parameters": layer.weight.size + layer.bias.size,
            "breakpoints": count,
            "activation": name,
        }
        for k, (layer, name, count) in enumerate(zip(net.layers, names, breakpoints, strict=True))
    ]
    print(format_table(rows))
    total = sum(layer.weight.size + layer.bias.size for layer in net.layers)
    print(f"{net.n_in:,} inputs, {net.n_out:,} outputs, {net.n_neurons:,} neurons, {total:,} parameters")
    if arguments.estimate:
        _print_estimate(net, arguments)


def _print_estimate(net: Network, arguments: Namespace) -> None:
    """Tell what a window will cost."""
    chosen = (arguments.through, arguments.points, arguments.origin, arguments.low)
    if all(option is None for option in chosen):
        raise _missing("--through", "--estimate needs a window: --through, --points, --origin or --low")
    found = estimate_plane(net, _window(arguments, net)[0])
    spread = f" ± {found.n_regions.stderr:,.0f}" if found.n_regions.stderr else ""
    whole, statistics = found.bytes_collected / 2**20, found.bytes_statistics / 2**20
    print(
        f"about {found.n_regions.value:,.0f}{spread} activation regions in this window "
        f"(from {found.sampled} of its {found.cells:,} cells)\n"
        f"about {found.seconds:.3g} s on one thread\n"
        f"about {whole:,.0f} MB for a whole partition, {statistics:,.0f} MB to count or measure without keeping regions"
    )


def _title(arguments: Namespace, found: str) -> str:
    return found if arguments.title is None else str(arguments.title)


def _progress(arguments: Namespace) -> bool:
    return not arguments.quiet and sys.stderr.isatty()


def _data(arguments: Namespace, net: Network) -> Dataset:
    data = load_dataset(arguments.data)
    if data.n_in != net.n_in:
        raise InvalidValueError(
            f"`--data` is {data.name} with {data.n_in} values in an example, but the model has {net.n_in} inputs. "
            "Give points of its input space instead, or the data set that it was trained on."
        )
    return data


def _missing(option: str, why: str) -> InvalidValueError:
    return InvalidValueError(f"`{option}` is missing, but {why}. Add it.")


def _window(arguments: Namespace, net: Network) -> tuple[PlaneWindow, FloatArray | None, list[str] | None]:
    """Return the window, and the points to mark with their labels."""
    if arguments.low is not None:
        if arguments.high is None:
            raise _missing("--high", "--low needs the opposite corner")
        if net.n_in != 2:
            raise InvalidValueError(
                f"`--low` gives a box of two inputs, but the model has {net.n_in}. "
                "Use --through, --points or --origin to choose a plane of its input space."
            )
        return PlaneWindow.of_inputs(arguments.low, arguments.high), None, None
    if arguments.through is not None:
        data = _data(arguments, net)
        points = data.examples(arguments.through)
        labels = [str(label) for label in data.y_train[arguments.through]]
    elif arguments.points is not None:
        points, labels = read_points(arguments.points, "linregions plane", n_in=net.n_in), ["1", "2", "3"]
        if points.shape != (3, net.n_in):
            raise InvalidValueError(
                f"`--points` has shape {points.shape}, but linregions plane needs three points of the model's "
                f"{net.n_in} inputs. Give three rows."
            )
    else:
        return _random_window(arguments, net), None, None
    return PlaneWindow.through(points[0], points[1], points[2], arguments.scale), points, labels


def _random_window(arguments: Namespace, net: Network) -> PlaneWindow:
    if arguments.half is None:
        raise _missing("--half", "--origin needs the size of the square")
    if net.n_in < 2:
        raise InvalidValueError(
            "`--origin` asks for a plane, but the model has one input. Use `linregions line` instead."
        )
    half = as_positive(arguments.half, "--half", "linregions plane")
    rng = np.random.default_rng(arguments.seed)
    if arguments.origin == "zero":
        origin = np.zeros(net.n_in)
    elif arguments.origin.isdecimal():
        origin = _data(arguments, net).examples(int(arguments.origin))
    else:
        raise InvalidValueError(
            f"`--origin` is {arguments.origin!r}, but linregions plane needs 'zero' or the number of a training "
            "example. Give one of them."
        )
    basis, _ = np.linalg.qr(rng.normal(size=(net.n_in, 2)))
    return PlaneWindow.square(origin, basis.T, half)


def _line(arguments: Namespace, net: Network) -> LineDomain:
    who = "linregions line"
    if arguments.through_origin_and is not None:
        example = _data(arguments, net).examples(arguments.through_origin_and)
        return Line(np.zeros(net.n_in), example)
    if arguments.path is not None:
        return PolygonalPath(read_points(arguments.path, who, "--path", net.n_in))
    if arguments.end is None:
        raise _missing("--to", "--from needs another point")
    start, end = _vector(arguments.start, "--from", net), _vector(arguments.end, "--to", net)
    if arguments.kind == "segment":
        return Segment(start, end)
    return (Ray if arguments.kind == "ray" else Line)(start, end - start)


def _vector(words: list[str], name: str, net: Network) -> FloatArray:
    """Read one point, given as numbers or as a file."""
    who = "linregions line"
    try:
        vector = np.array([float(word) for text in words for word in text.split(",")])
    except ValueError:
        if len(words) > 1:
            raise FileFormatError(
                f"`{name}` is {' '.join(words)!r}, but {who} needs numbers or one file. Separate numbers by blanks."
            ) from None
        vector = read_points(words[0], who, name).ravel()
    if vector.shape != (net.n_in,):
        raise InvalidValueError(
            f"`{name}` has {vector.size} coordinates, but the model has {net.n_in} inputs. Give one number for each."
        )
    return vector


def _points(arguments: Namespace, net: Network) -> FloatArray:
    if arguments.points is not None:
        points = read_points(arguments.points, "linregions distance", n_in=net.n_in)
        if points.shape[1] != net.n_in:
            raise InvalidValueError(
                f"`--points` has {points.shape[1]} coordinates in a row, but the model has {net.n_in} inputs. "
                "Give one column for each."
            )
        return points
    data = _data(arguments, net)
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


def _output(arguments: Namespace, command: str, net: Network, place: dict[str, Any]) -> Output:
    return prepare_output(arguments, command, f"{Path(arguments.model).stem}-{command}", place, net)


def _finish(
    output: Output,
    net: Network,
    summary: Row,
    rows: list[dict[str, Any]],
    result: Any,
    figure: Callable[[], Any],
    diagnostics: dict[str, Any],
) -> None:
    """Write picture, CSV, NPZ and JSON beside each other and print the summary."""
    seed = output.settings["seed"]
    files = output.write(summary, rows, seed, network=net, result=result, figure=figure, diagnostics=diagnostics)
    print_result([summary], files)
