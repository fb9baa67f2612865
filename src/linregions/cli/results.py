"""Files of a command: their names, what must not be replaced, and how picture, table and settings are written."""

from __future__ import annotations

import dataclasses
import json
import logging
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import write_npz
from linregions._support.fingerprints import digest_of_source
from linregions._support.tables import Row, format_table, plain, read_json, writable_folder, write_metadata, write_table
from linregions.errors import FileFormatError, InvalidValueError
from linregions.networks.network import Network, network_to_arrays
from linregions.plotting import save_figure

_LOG = logging.getLogger(__name__)
_ENDINGS = ("png", "svg", "pdf", "csv", "parquet", "npz", "json")
#: Options that change no number, or say where numbers come from that are compared themselves.
_NO_RESULTS = {
    *("command", "model", "out", "name", "force", "quiet", "threads", "format"),  # everywhere
    *("data", "points", "path", "start", "end"),
    *("color_by", "decision_boundary", "interval", "colormap", "title", "size", "dpi"),  # pictures
}


@dataclass(frozen=True, eq=False)
class Output:
    """Where one run of a command writes, found out before any work."""

    command: str
    folder: Path
    stem: str  # what its files begin with
    settings: Mapping[str, Any]  # all options, for the JSON file
    source: str  # a digest of what was worked on: of the network and, say, the window
    formats: Sequence[str]  # of pictures; none where matplotlib is not installed
    replaces: bool  # whether other results are there and shall go

    def file(self, ending: str) -> Path:
        """Return the file with an ending."""
        return self.folder / f"{self.stem}.{ending}"

    def write(
        self,
        summary: Row,
        rows: Sequence[Row],
        seed: int | None,
        *,
        network: Network | None = None,
        result: Any = None,
        figure: Callable[[], Any] | None = None,
        **more: Any,
    ) -> list[Path]:
        """Write all files and return them.

        `summary` and `more` are entries of the JSON file, which also says what `network` is; `rows` are the table,
        without any there is none; `result`, arrays by name or a partition, is for the NPZ file; `figure` returns the
        picture and is not called where none is wanted.
        """
        # The old settings go first and the new ones come last, so that they never stand beside files of another run.
        self.file("json").unlink(missing_ok=True)
        files: list[Path] = []
        if figure and self.formats:
            files = save_figure(figure(), self.folder / self.stem, self.formats, dpi=self.settings.get("dpi"))
        if rows:
            files += write_table(self.file("csv"), rows)
        if result is not None:
            files.append(self.file("npz"))
            if isinstance(result, Mapping):
                write_npz(files[-1], dict(result), f"linregions {self.command}")
            else:
                result.save(files[-1])
        files.append(self.file("json"))
        if network is not None:
            more = {"network": _described(network), **more}
        settings = {"command": self.command, **self.settings}
        write_metadata(files[-1], settings=settings, seed=seed, source=self.source, results=summary, **more)
        if self.replaces:
            for ending in _ENDINGS:
                if self.file(ending) not in files:
                    self.file(ending).unlink(missing_ok=True)
        return files


def _described(network: Network) -> dict[str, Any]:
    """Say what a network is: layers of a chain, steps of a graph."""
    if network.is_chain:
        activations = [activation.to_dict() for activation in network.activations]
        return {"widths": network.widths, "activations": activations}
    graph = network.graph
    steps = [
        {"name": step.name, "units": step.layout.n_units, "activation": step.activation.name} for step in graph.steps
    ]
    shapes = {"input_shape": graph.input_shape, "output_shape": graph.output_shape}
    return {**shapes, "steps": steps, "maxima": int(graph.maxima.size.size)}


def arrays_of(domain: Any) -> dict[str, npt.NDArray[Any]]:
    """Return the numbers that a domain is given by, and what kind of domain it is."""
    values = {entry.name: np.asarray(getattr(domain, entry.name)) for entry in dataclasses.fields(domain)}
    numbers = {name: value for name, value in values.items() if value.dtype.kind in "biuf"}
    return {"kind of domain": np.array(type(domain).__name__), **numbers}


def prepare_output(
    arguments: Namespace,
    command: str,
    stem: str,
    source: Mapping[str, npt.NDArray[Any]],
    network: Network | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Output:
    """Find out whether results can be written under `stem`, or ``--name``, or raise.

    `source` is what is worked on beside the network, and `settings` what the results follow from, by default all
    options. InvalidValueError is raised if the folder cannot be written, the name is none, or results of something else
    bear it and there is no ``--force``.
    """
    who = f"linregions {command}"
    name = stem if arguments.name is None else arguments.name
    if not name or name.startswith(".") or Path(name).name != name or "\0" in name:
        raise InvalidValueError(
            f"`--name` is {name!r}, but {who} needs the beginning of a file name. Give the folder with `--out`."
        )
    folder = writable_folder(arguments.out, who)
    arrays = dict(source) if network is None else {**source, **network_to_arrays(network)}
    if settings is None:
        settings = {key: value for key, value in vars(arguments).items() if key not in {"command", "quiet", "force"}}
    digest = digest_of_source(arrays)
    file = folder / f"{name}.json"
    other = file.is_file() and _is_other(file, settings, digest)
    if other and not arguments.force:
        raise InvalidValueError(
            f"`--out` is {arguments.out!r}, where {file.name} tells of another network, place or setting, but {who} "
            "replaces other results only if told to. Give this run a `--name` or another folder, or replace them with "
            "`--force`."
        )
    formats = _formats(arguments) if hasattr(arguments, "format") else ()
    return Output(command, folder, name, settings, digest, formats, other)


def _is_other(file: Path, settings: Mapping[str, Any], source: str) -> bool:
    try:
        there = read_json(file)
        theirs, mine = there["settings"], json.loads(json.dumps(plain(settings)))
        if there["source"] != source:
            return True
        return any(theirs.get(key) != mine.get(key) for key in {*theirs, *mine} - _NO_RESULTS)
    except (FileFormatError, KeyError, TypeError, AttributeError):  # of something that nobody knows
        return True


def _formats(arguments: Namespace) -> Sequence[str]:
    formats: Sequence[str] = arguments.format
    if formats:
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            _LOG.warning(
                "matplotlib is not installed, so there are numbers but no picture; `pip install 'linregions[plot]'` "
                "brings it, and `--format none` asks for none."
            )
            return ()
    return formats


def print_result(rows: Sequence[Row], files: Sequence[Path], note: str = "") -> None:
    """Print a table, what is to be noted of it, and where files are."""
    print(format_table(rows))
    if note:
        print(note)
    print(f"written to {files[0].parent}: {', '.join(file.name for file in files)}")


def decisions_told(diagnostics: Mapping[str, Any], certifies: bool = True) -> str:
    """Return how close the closest decision was, and whether certifying would have had something to do.

    Nothing where there are no decisions, as of distances; nothing of certifying where that cannot be had, as of boxes.
    """
    if not diagnostics:
        return ""
    if diagnostics.get("certified"):
        return f"every decision is proved, {diagnostics.get('exact_decisions', 0):,} of them in exact arithmetic"
    undecided, margin = diagnostics["undecided"], diagnostics["smallest_margin"]
    if not certifies:
        return _decisions_alone(undecided, margin)
    if undecided:
        lie = "decision lies" if undecided == 1 else "decisions lie"
        return f"{undecided:,} {lie} within the rounding of float64: certifying would settle what they are"
    if np.isinf(margin):
        return "no decision depended on rounding: certifying would have nothing to settle"
    found = f"closest decision: at least {margin:,.3g} times its band of rounding"
    if diagnostics["certify_advised"]:
        return f"{found}, which is near: certifying would prove it"
    return f"{found}: certifying would have nothing to settle"


def _decisions_alone(undecided: int, margin: float) -> str:
    if undecided:
        lie = "decision lies" if undecided == 1 else "decisions lie"
        return f"{undecided:,} {lie} within the rounding of float64, taken as ties"
    if np.isinf(margin):
        return "no decision depended on rounding"
    return f"closest decision: at least {margin:,.3g} times its band of rounding"


def output_of(arguments: Namespace, command: str, network: Network, place: Mapping[str, npt.NDArray[Any]]) -> Output:
    """Find out whether the results of a command on a model can be written."""
    return prepare_output(arguments, command, f"{Path(arguments.model).stem}-{command}", place, network)


def finish(
    output: Output,
    network: Network,
    summary: Row,
    rows: list[dict[str, Any]],
    result: Any,
    figure: Callable[[], Any],
    diagnostics: dict[str, Any],
) -> None:
    """Write picture, CSV, NPZ and JSON beside each other and print the summary."""
    seed = output.settings["seed"]
    files = output.write(summary, rows, seed, network=network, result=result, figure=figure, diagnostics=diagnostics)
    print_result([summary], files, decisions_told(diagnostics))
