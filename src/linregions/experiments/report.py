"""One page that puts every figure beside the paper's words and what was measured; no network, no scripts."""

from __future__ import annotations

import base64
import html
import io
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from linregions._support.files import as_path, replacing
from linregions._support.tables import Row, cell_text, read_json
from linregions.experiments import EXPERIMENTS, experiment, reproduced
from linregions.experiments.claims import CLAIMS, SETUP, UNKNOWN, Claim
from linregions.experiments.findings import Finding, runs_in, with_error
from linregions.experiments.report_kept import KeptSection, kept_sections
from linregions.experiments.report_page import CSS, PAGE
from linregions.experiments.saved import AbsentFileError, Saved, load_saved
from linregions.experiments.summary import over_runs

_LOG = logging.getLogger(__name__)
_DPI = 110
_LARGE = 250_000  # bytes of a picture
_VERDICTS = {True: ("holds", "holds here"), False: ("fails", "does not hold here"), None: ("open", "not decided")}
_OTHER_TITLES = {SETUP: "Set-up", "theorems": "Theorems"}
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
    """Return the page as HTML.

    Parameters
    ----------
    found : mapping
        Name of an experiment -> what it left on disk.
    earlier : sequence of mapping
        Name of an experiment -> its section in an earlier page; of several the first that fits is taken.

    Returns
    -------
    str
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
        _section(name, found[name], [entry for entry in judged if entry[0].about == name], kept.get(name))
        if name in found
        else kept[name].text
        for name in there
    ]
    missing = [name for name in EXPERIMENTS if name not in there]
    setup = [entry for entry in judged if entry[0].about == SETUP]
    return Template(PAGE).substitute(
        css=CSS,
        count=_count(judged),
        overview=_overview([entry for entry in judged if entry[0].about in {*there, SETUP}]),
        missing=_missing(missing),
        setup="".join(_claim(*entry) for entry in setup),
        sections="".join(sections),
        made=_made(found),
    )


def _judge(claim: Claim, found: Mapping[str, Saved], kept: KeptSection | None) -> Finding:
    """Return what the tables say, or what an earlier page made of arrays that are no longer beside them."""
    finding = claim.judge(found)
    if kept is None or not finding.measured.startswith(UNKNOWN):
        return finding
    return kept.findings.get(claim.quote, finding)


def _count(judged: Sequence[Judged]) -> str:
    counts = {key: sum(finding.holds is key for _, finding in judged) for key in (True, False, None)}
    rest = f"; {counts[None]} {_is(counts[None])} not measured or not decided" if counts[None] else ""
    return (
        f"Of {len(judged)} statements, <b>{counts[True]} hold{'s' * (counts[True] == 1)} here</b> and "
        f"<b>{counts[False]} do{'es' * (counts[False] == 1)} not</b>{rest}."
    )


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _badge(holds: bool | None) -> str:
    kind, text = _VERDICTS[holds]
    return f'<span class="badge {kind}">{text}</span>'


def _title(name: str) -> str:
    return name.replace("fig", "Figure ") if name.startswith("fig") else _OTHER_TITLES[name]


def _overview(judged: Sequence[Judged]) -> str:
    rows = [
        f'<tr><td><a href="#{claim.about}">{_title(claim.about)}</a></td><td>{html.escape(claim.quote)}</td>'
        f"<td>{_badge(finding.holds)}</td></tr>"
        for claim, finding in judged
    ]
    return f'<div class="scroll"><table class="overview"><tbody>{"".join(rows)}</tbody></table></div>'


def _missing(names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(_title(name) for name in names)
    return (
        f'<p class="note">Not in this report: {listed}. Add with <code>linregions reproduce {" ".join(names)}</code> '
        "and the same <code>--out</code>.</p>"
    )


def _claim(claim: Claim, finding: Finding) -> str:
    return f"""<article class="claim">
<blockquote>“{html.escape(claim.quote)}” <cite>{html.escape(claim.place)}</cite></blockquote>
<p>{_badge(finding.holds)} {html.escape(finding.measured)}</p>{_items(finding.items)}
<p class="criterion">Counted as holding if {html.escape(claim.criterion)}.</p>
</article>"""


def _items(items: Sequence[str]) -> str:
    listed = "".join(f"<li>{html.escape(item)}</li>" for item in items)
    return f"<ul>{listed}</ul>" if items else ""


def _section(name: str, saved: Saved, judged: Sequence[Judged], kept: KeptSection | None) -> str:
    about = EXPERIMENTS[name]
    return f"""<section id="{name}">
<h2>{_title(name)}: {html.escape(about)}</h2>
<figure>{_picture(saved, kept)}
<figcaption>{html.escape(_sample(saved))}</figcaption></figure>
{"".join(_claim(*entry) for entry in judged)}
{"".join(_table(title, rows) for title, rows in _tables(saved))}
{_settings(saved)}
</section>"""


def _picture(saved: Saved, kept: KeptSection | None) -> str:
    """Return the picture as an element of the page, or why there is none."""
    try:
        figure = experiment(saved.name).draw(saved)
    except AbsentFileError as error:
        if kept is not None and kept.picture:
            return kept.picture
        return f'<p class="note">No picture: {html.escape(str(error))}</p>'
    kind, content = _encoded(figure)
    code = base64.b64encode(content).decode("ascii")
    title = f"{_title(saved.name)}: {html.escape(EXPERIMENTS[saved.name])}"
    return f'<img src="data:image/{kind};base64,{code}" alt="{title}">'


def _encoded(figure: Any) -> tuple[str, bytes]:
    """Return a picture as WebP, a third of the size of PNG: without loss unless it is large even so."""
    from PIL import features  # matplotlib needs it, too

    tries: list[tuple[str, dict[str, Any]]] = [("png", {"optimize": True})]
    if features.check("webp"):
        tries = [("webp", {"lossless": True}), ("webp", {"quality": 90})]
    for kind, options in tries:
        picture = io.BytesIO()
        figure.savefig(picture, format=kind, dpi=_DPI, pil_kwargs=options)
        if picture.tell() <= _LARGE:
            break
    return kind, picture.getvalue()


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
    shown = rows[:_MAX_ROWS]
    head = "".join(f"<th>{html.escape(column.replace('_', ' '))}</th>" for column in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell_text(v))}</td>" for v in row.values()) + "</tr>" for row in shown
    )
    more = f"<p>The first {len(shown)} of {len(rows):,} rows.</p>" if len(rows) > len(shown) else ""
    return (
        f'<details><summary>{html.escape(title)}</summary><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}</details>"
    )


def _settings(saved: Saved) -> str:
    entries = {**saved.settings, "seed": saved.seed}
    rows = "".join(
        f"<tr><th>{html.escape(key.replace('_', ' '))}</th><td>{html.escape(str(value))}</td></tr>"
        for key, value in entries.items()
    )
    return (
        f'<details><summary>Settings</summary><div class="scroll"><table><tbody>{rows}</tbody></table></div>'
        f"<p>Tables: <code>{saved.name}*.csv</code>; arrays: <code>{saved.name}*.npz</code>; settings: "
        f"<code>{saved.name}.json</code>.</p></details>"
    )


def _made(found: Mapping[str, Saved]) -> str:
    """Tell versions; more than one line where figures were made with different ones."""
    listed: dict[str, list[str]] = {}
    for name, saved in found.items():
        versions = read_json(saved.folder / f"{name}.json").get("versions", {})
        text = ", ".join(f"{package} {version}" for package, version in versions.items())
        listed.setdefault(text, []).append(_title(name))
    if len(listed) == 1:
        return html.escape(next(iter(listed)))
    return "; ".join(f"{html.escape(text)} ({', '.join(names)})" for text, names in listed.items())
