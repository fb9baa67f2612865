"""One page that puts every figure beside the paper's words and what was measured; no network, no scripts."""

from __future__ import annotations

import base64
import io
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from linregions._support.files import as_path, replacing
from linregions._support.tables import Row, cell_text, read_json
from linregions.experiments.findings import Finding, runs_in, with_error
from linregions.experiments.report.claims import CLAIMS, SETUP, UNKNOWN, Claim
from linregions.experiments.report.kept import KeptSection, kept_sections
from linregions.experiments.report.proofs import proof_told, proofs_table
from linregions.experiments.runner import EXPERIMENTS, experiment, reproduced
from linregions.experiments.saved import AbsentFileError, Saved, load_saved
from linregions.experiments.summary import over_runs
from linregions.plotting.pages import templates

_LOG = logging.getLogger(__name__)
_DPI = 110
_OTHER_TITLES = {SETUP: "Set-up", "theorems": "Theorems", "conv": "Convolutions"}
_MAX_ROWS = 60

Judged = tuple[Claim, Finding]


def write_report(results: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Path:
    """Write the report on all experiments that a folder has.

    Parameters
    ----------
    results : str or path-like
        The folder that `reproduce` wrote.
    out : str or path-like, optional
        Where to put the folder ``report``, by default in `results`.

    Returns
    -------
    pathlib.Path
        The page, ``report/index.html``: self-contained, with its pictures inside.

    Raises
    ------
    InvalidValueError
        If nothing has been reproduced in `results`, or the page cannot be written.
    FileFormatError
        If a file is damaged.

    Notes
    -----
    What an earlier page has stays: pictures and verdicts whose arrays are no longer beside the tables they were made
    with, and experiments whose files are no longer there.
    """
    _LOG.info("writing the report")
    folder = as_path(results if out is None else out, "out", "write_report")
    page = folder / "report" / "index.html"
    earlier = [
        kept_sections(page),
        kept_sections(as_path(results, "results", "write_report") / "report" / "index.html"),
    ]
    text = render({name: load_saved(results, name) for name in reproduced(results)}, earlier)
    with replacing(page, "write_report", "out") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return page


def render(found: Mapping[str, Saved], earlier: Sequence[Mapping[str, KeptSection]] = ()) -> str:
    """Return the page as HTML, of what experiments left on disk and their sections in earlier pages, by name.

    Of several earlier pages the first that fits is taken.
    """
    kept = {name: section for sections in reversed(earlier) for name, section in sections.items() if name != SETUP}
    kept = {name: section for name, section in kept.items() if name not in found and name in EXPERIMENTS}
    for name, saved in found.items():
        pieces = [*(_table(title, rows) for title, rows in _tables(saved)), _settings(saved)]
        fitting = [sections[name] for sections in earlier if name in sections and sections[name].is_of(pieces)]
        if fitting:
            kept[name] = next((section for section in fitting if section.picture), fitting[0])
    judged = [(claim, _judge(claim, found, kept.get(claim.about))) for claim in CLAIMS]
    there = [name for name in EXPERIMENTS if name in found or name in kept]
    sections = [
        _section(found[name], [entry for entry in judged if entry[0].about == name], kept.get(name))
        if name in found
        else _parts().as_it_is(kept[name].text)
        for name in there
    ]
    holds = [finding.holds for _, finding in judged]
    titles = {name: _title(name) for name in (*EXPERIMENTS, SETUP)}
    proofs = proofs_table(found, titles)
    page: str = (
        _templates()
        .get_template("report.html")
        .render(
            title="Complexity of Linear Regions in Deep Networks, measured",
            judged=judged,
            n_hold=holds.count(True),
            n_fail=holds.count(False),
            n_open=holds.count(None),
            missing=[(name, _title(name)) for name in EXPERIMENTS if name not in there],
            overview=[entry for entry in judged if entry[0].about in {*there, SETUP}],
            titles=titles,
            proofs=_table("Certified counts", proofs) if proofs else "",
            setup=[entry for entry in judged if entry[0].about == SETUP],
            sections=sections,
            made=_made(found),
        )
    )
    return page


def _templates() -> Any:
    return templates(Path(__file__).parent / "templates", "write_report")


def _parts() -> Any:
    """Return the pieces that sections are made of, as functions."""
    return _templates().get_template("parts.html").module


def _judge(claim: Claim, found: Mapping[str, Saved], kept: KeptSection | None) -> Finding:
    """Return what the tables say, or what an earlier page made of arrays that are no longer beside them."""
    finding = claim.judge(found)
    if kept is None or not finding.measured.startswith(UNKNOWN):
        return finding
    return kept.findings.get(claim.quote, finding)


def _title(name: str) -> str:
    return name.replace("fig", "Figure ") if name.startswith("fig") else _OTHER_TITLES[name]


def _section(saved: Saved, judged: Sequence[Judged], kept: KeptSection | None) -> str:
    title = f"{_title(saved.name)}: {EXPERIMENTS[saved.name]}"
    tables = [_table(title, rows) for title, rows in _tables(saved)]
    section: str = _parts().section(
        saved.name, title, _picture(saved, title, kept), _caption(saved), judged, tables, _settings(saved)
    )
    return section


def _picture(saved: Saved, title: str, kept: KeptSection | None) -> str:
    """Return the picture as an element of the page, or why there is none."""
    picture: str
    try:
        figure = experiment(saved.name).draw(saved)
    except AbsentFileError as error:
        if kept is not None and kept.picture:
            picture = _parts().as_it_is(kept.picture)
        else:
            picture = _parts().no_picture(str(error))
        return picture
    kind, content = _encoded(figure)
    picture = _parts().picture(kind, base64.b64encode(content).decode("ascii"), title)
    return picture


def _encoded(figure: Any, large: int = 250_000) -> tuple[str, bytes]:
    """Return a picture as WebP, a third of the size of PNG: without loss unless it has more than `large` bytes."""
    from PIL import features  # matplotlib needs it, too

    tries: list[tuple[str, dict[str, Any]]] = [("png", {"optimize": True})]
    if features.check("webp"):
        tries = [("webp", {"lossless": True}), ("webp", {"quality": 90})]
    for kind, options in tries:
        picture = io.BytesIO()
        figure.savefig(picture, format=kind, dpi=_DPI, pil_kwargs=options)
        if picture.tell() <= large:
            break
    return kind, picture.getvalue()


def _caption(saved: Saved) -> str:
    proof = proof_told(saved)
    return " ".join([_sample(saved), *([f"{proof.capitalize()}."] if proof else [])])


def _sample(saved: Saved) -> str:
    if saved.name == "theorems":
        return f"Bars and bands are two standard errors over networks; seed {saved.seed}."
    parts = [runs_in(saved.rows)] if "run" in saved.rows[0] else []
    each = " in each" if parts else ""
    parts += [f"{saved.settings[key]:,} {key}{each}" for key in ("draws", "lines", "points") if key in saved.settings]
    return "; ".join([*(parts or ["one network, no error bar"]), f"seed {saved.seed}"]) + "."


def _tables(saved: Saved) -> list[tuple[str, list[Row]]]:
    """Return what is worth reading in the page; all else is in the CSV files."""
    if saved.name == "fig8":
        columns = ("regions", "linear_regions", "regions_per_neuron_squared")
        tables = [("Regions in the square, mean over runs", over_runs(saved.rows, ("epoch",), columns))]
        if "scales" in saved.tables:
            rows = over_runs(saved.table("scales"), ("epoch", "scale", "side"), columns)
            tables.append(("Regions against the size of the square, mean over runs", rows))
    elif "overview" in saved.tables:
        tables = [("Overview", saved.table("overview"))]
    else:
        tables = [("Table", saved.rows)]
        tables += [(key.capitalize(), saved.table(key)) for key in saved.tables]
    return [(title, _merged(rows)) for title, rows in tables]


def _merged(rows: Sequence[Row]) -> list[Row]:
    """Put each standard error into the cell of its mean."""
    return [
        {
            key: with_error(value, row[f"{key}_stderr"]) if f"{key}_stderr" in row else value
            for key, value in row.items()
            if not key.endswith("_stderr")
        }
        for row in rows
    ]


def _table(title: str, rows: Sequence[Row]) -> str:
    columns = [column.replace("_", " ") for column in rows[0]]
    cells = [[cell_text(value) for value in row.values()] for row in rows[:_MAX_ROWS]]
    table: str = _parts().table(title, columns, cells, len(rows))
    return table


def _settings(saved: Saved) -> str:
    entries = {**saved.settings, "seed": saved.seed}
    listed = [(key.replace("_", " "), str(value)) for key, value in entries.items()]
    settings: str = _parts().settings(saved.name, listed)
    return settings


def _made(found: Mapping[str, Saved]) -> str:
    """Tell versions; more than one line where figures were made with different ones."""
    listed: dict[str, list[str]] = {}
    for name, saved in found.items():
        versions = read_json(saved.folder / f"{name}.json").get("versions", {})
        text = ", ".join(f"{package} {version}" for package, version in versions.items())
        listed.setdefault(text, []).append(_title(name))
    if len(listed) == 1:
        return next(iter(listed))
    return "; ".join(f"{text} ({', '.join(names)})" for text, names in listed.items())
