"""The command ``info``: the architecture of a network, and what a window will cost."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from linregions._support.tables import format_table
from linregions.cli.arguments import add_window, count_from, missing, window_of
from linregions.cli.models import add_model, model_of
from linregions.networks.network import Network

_EPILOG = """examples:
  linregions info model.npz
  linregions info model.npz --estimate --through 1 3 5"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    add_model(parser)
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="estimate regions, time and memory of a window from a few of its cells; choose it as for `plane`",
    )
    add_window(parser, required=False)
    parser.add_argument("--data", default="mnist", metavar="SOURCE", help="data set, as for `plane`")
    parser.add_argument("--seed", type=count_from(0), default=0, metavar="N", help="of a random plane (default: 0)")
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages on stderr")


def run(arguments: Namespace) -> None:
    """Tell the architecture of a network."""
    network = model_of(arguments)
    if not network.is_chain:
        _print_graph(network)
    else:
        _print_layers(network)
    if arguments.estimate:
        _print_estimate(network, arguments)


def _print_layers(network: Network) -> None:
    names = [activation.name for activation in network.activations] + ["none (output)"]
    breakpoints = [activation.n_breakpoints for activation in network.activations] + [0]
    rows = [
        {
            "layer": k + 1,
            "inputs": layer.weight.shape[1],
            "units": layer.weight.shape[0],
            "parameters": layer.weight.size + layer.bias.size,
            "breakpoints": count,
            "activation": name,
        }
        for k, (layer, name, count) in enumerate(zip(network.layers, names, breakpoints, strict=True))
    ]
    print(format_table(rows))
    total = sum(layer.weight.size + layer.bias.size for layer in network.layers)
    print(f"{network.n_in:,} inputs, {network.n_out:,} outputs, {network.n_neurons:,} neurons, {total:,} parameters")


def _print_graph(network: Network) -> None:
    """Tell the steps of a network that is no chain: sites are pixels, say, with all their channels."""
    graph = network.graph
    rows = []
    for k, step in enumerate(graph.steps):
        sources = ("input" if term.source < 0 else str(term.source + 1) for term in step.terms)
        rows.append(
            {
                "step": k + 1,
                "reads": ", ".join(sources) or "nothing",
                "sites": step.layout.n_sites,
                "channels": step.layout.n_channels,
                "weights": sum(term.blocks.size for term in step.terms),
                "breakpoints": step.activation.n_breakpoints,
                "activation": step.activation.name,
                "name": step.name,
            }
        )
    print(format_table(rows))
    shapes = " and ".join(
        f"{what} of shape {' x '.join(map(str, shape)) or '1'}"
        for what, shape in (("inputs", graph.input_shape), ("outputs", graph.output_shape))
    )
    print(f"{shapes}, {network.n_neurons:,} neurons, {graph.maxima.size.size:,} of them maxima of several entries")


def _print_estimate(network: Network, arguments: Namespace) -> None:
    """Tell what a window will cost."""
    from linregions.regions.planes.estimate import estimate_plane

    chosen = (arguments.through, arguments.points, arguments.origin, arguments.low)
    if all(option is None for option in chosen):
        raise missing("--through", "--estimate needs a window: --through, --points, --origin or --low")
    found = estimate_plane(network, window_of(arguments, network)[0])
    spread = f" ± {found.n_regions.stderr:,.0f}" if found.n_regions.stderr else ""
    whole, statistics = found.bytes_collected / 2**20, found.bytes_statistics / 2**20
    print(
        f"about {found.n_regions.value:,.0f}{spread} activation regions in this window "
        f"(from {found.sampled} of its {found.cells:,} cells)\n"
        f"about {found.seconds:.3g} s on one thread\n"
        f"about {whole:,.0f} MB for a whole partition, {statistics:,.0f} MB to count or measure without keeping regions"
    )
