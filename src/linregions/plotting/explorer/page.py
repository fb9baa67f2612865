"""Make the page of an explorer."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import as_path, replacing
from linregions._support.validation import as_choice, as_point_rows
from linregions.domains.windows import PlaneWindow
from linregions.plotting.colors import LAYER_COLORS, OUTPUT_COLORS
from linregions.plotting.explorer.given import as_lines, as_moments, as_numbers
from linregions.plotting.explorer.images import image_of
from linregions.plotting.explorer.lines import add_line
from linregions.plotting.explorer.moments import moment_of
from linregions.plotting.explorer.packing import Pack
from linregions.plotting.marks import labels_of
from linregions.plotting.pages import templates
from linregions.plotting.region_colors import class_color, layer_color

FILLS = ("gradient", "pattern", "linear", "class", "layer", "area", "none")
_WHO = "explore"
_HERE = Path(__file__).parent / "static"
# In this order, since each uses those before it.
_SCRIPTS = (
    "data", "complex", "network", "view", "gl", "scene", "colors", "overlay", "card", "export", "panel", "hands",
    "graph", "main",
)  # fmt: skip
_MOST_CLASSES = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Explorer:
    """A page to explore regions in: shown by a notebook, or written to a file.

    Parameters
    ----------
    title : str
    html : str
        The whole page. It needs no server, no network and no other file.
    """

    title: str
    html: str

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Usually ending in ``.html``.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        InvalidValueError
            If the place cannot be written.
        """
        target = as_path(path, "path", _WHO)
        with replacing(target, _WHO) as temporary:
            temporary.write_text(self.html, encoding="utf-8")
        return target

    def __repr__(self) -> str:
        return f"Explorer({self.title!r}, {len(self.html) / 1e6:.2g} MB)"

    def _repr_html_(self) -> str:
        # A frame of its own keeps the page's style and script apart from the notebook's.
        return (
            f'<iframe title="{html.escape(self.title)}" width="100%" height="640" style="border:0" '
            f'sandbox="allow-scripts allow-downloads" srcdoc="{html.escape(self.html)}"></iframe>'
        )


def explore(
    partitions: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str | None = None,
    color_by: str = "gradient",
    numbers: Mapping[str, Any] | None = None,
    decision: str | None = "argmax",
    points: npt.ArrayLike | None = None,
    labels: Sequence[Any] | npt.NDArray[Any] | None = None,
    image_shape: tuple[int, ...] | None = None,
    line: Any = None,
) -> Explorer:
    """Make one self-contained page to pan, zoom and hover over the regions of one or more partitions.

    Parameters
    ----------
    partitions : PlanePartition, LinePartition, sequence or mapping of PlanePartition
        One, or several of the same window: moments of a training, which a slider goes through. The keys of a mapping
        name them.
    path : str or path-like, optional
        Where to write the page, e.g. ``"regions.html"``. Without it the result is shown by a notebook.
    title : str, optional
    color_by : {"gradient", "pattern", "linear", "class", "layer", "area", "none"} or a key of `numbers`
        What colours mean at first; the page can change it. See `plot_plane`.
    numbers : mapping of str to array_like, shape (F,), optional
        Further numbers to colour regions by, one for each region; NaN is grey. With several partitions a sequence of
        arrays, one for each.
    decision : {"argmax", "argmin"} or None
        Which output is the class, whose boundary can be shown; None leaves it out. See
        `PlanePartition.decision_boundary`.
    points : array_like, shape (k, n_in), optional
        Points of the input space to mark; those outside the plane are projected onto it.
    labels : sequence or array of str or numbers, optional
        One for each point.
    image_shape : tuple of int, optional
        ``(rows, columns)`` or ``(channels, rows, columns)`` of inputs that are images, with 1 or 3 channels: then the
        input at the pointer is shown. By default the shape that the network or `points` has, if it is such a one.
    line : LinePartition, optional
        A line in the plane, drawn there and below as a graph; pointing at one shows the place in the other. With
        several partitions a sequence, one of each network.

    Returns
    -------
    Explorer

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit, windows differ, or there are more than 600,000 regions.
    MissingDependencyError
        If jinja2 is not installed.

    Notes
    -----
    The page draws the exact polygons, to 10^10 times the whole window. Corners, patterns and numbers in it are those of
    the partition to the last bit; outputs follow from the network's layers, or, where these would be larger than
    affine maps rounded to single precision, from such. 40,000 regions take about 2 MB. The page has a strict
    content policy: nothing is loaded, and no text in it is run.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.random_network([2, 8, 8, 3], 0, bias_variance=0.1)
    >>> p = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    >>> explore(p, title="Eight and eight").html.count("<script>")
    1
    """
    jinja = templates(_HERE, _WHO)
    moments, only_line = as_moments(partitions)
    name = title if title is not None else "Linear regions" if moments else "Linear regions along a line"
    chosen = decision if decision is None else as_choice(decision, "decision", _WHO, ("argmax", "argmin"))
    given = as_numbers(numbers, list(moments.values()))
    as_choice(color_by, "color_by", _WHO, (*FILLS, *given))
    shared = Pack()
    page: dict[str, Any] = {
        "title": name,
        "layers": list(LAYER_COLORS),
        "outputs": list(OUTPUT_COLORS),
        "moments": [],
        "lines": [],
        "points": [],
        "image": None,
    }
    packs: list[Pack] = []
    window = next(iter(moments.values())).window if moments else None
    shown = [only_line] if only_line is not None else as_lines(line, len(moments))
    page["lines"] = [add_line(shared, f"line_{k}", entry, window) for k, entry in enumerate(shown)]
    if window is not None:
        page |= _about_window(window)
        page["points"], page["image"] = _points(shared, next(iter(moments.values())), points, labels, image_shape)
        most = max(part.network.n_out for part in moments.values())
        page["classes"] = [_hex(class_color(k)) for k in range(min(max(2, most), _MOST_CLASSES))]
        page["layerFills"] = [_hex(layer_color(k)) for k in range(len(LAYER_COLORS))]
        page["fill"] = f"number {list(given).index(color_by)}" if color_by in given else color_by
        page["first"] = len(moments) - 1
        page["showDecision"] = chosen is not None
        for k, (label, part) in enumerate(moments.items()):
            moment, pack = moment_of(part, {key: values[k] for key, values in given.items()}, chosen)
            page["moments"].append({"label": label, **moment})
            packs.append(pack)
    page["arrays"] = shared.places
    return _made(jinja, page, shared, packs, path)


def _made(jinja: Any, page: dict[str, Any], shared: Pack, packs: list[Pack], path: Any) -> Explorer:
    """Fill the template. What the content policy allows to run is told by its hash."""
    from markupsafe import Markup

    script = '(() => {\n"use strict";\n' + "\n".join(_read(f"{name}.js") for name in _SCRIPTS) + "\n})();\n"
    style = _read("page.css")
    text = jinja.get_template("page.html").render(
        title=page["title"],
        version=version("linregions"),
        plane=bool(packs),
        lines=bool(page["lines"]),
        several=len(packs) > 1,
        count="",
        decision_name=_decision_name(page),
        script=Markup(script),
        script_hash=_digest(script),
        style=Markup(style),
        style_hash=_digest(style),
        data=Markup(_as_json(page)),
        shared=Markup(shared.text()),
        moments=[Markup(pack.text()) for pack in packs],
    )
    explorer = Explorer(page["title"], text)
    if path is not None:
        explorer.save(path)
    return explorer


def _about_window(window: PlaneWindow) -> dict[str, Any]:
    """Return how plane coordinates become those of the scene, where the window's middle is 0 and its longer side 1."""
    corners = window.axes_coordinates(window.polygon)
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = float((high - low).max())
    origin = window.axes_coordinates(np.zeros(2))
    matrix = window.triangle
    middle = np.linalg.solve(matrix, (low + high) / 2 - origin)
    names = window.axis_names
    return {
        "window": {
            "matrix": matrix.ravel().tolist(),
            "origin": origin.tolist(),
            "middle": middle.tolist(),
            "size": size,
        },
        "extent": ((high - low) / size).tolist(),
        "area": window.area,
        "axisNames": None if names is None else [text.replace("$", "").replace("_", "") for text in names],
    }


def _points(
    pack: Pack, part: Any, points: Any, labels: Any, image_shape: Any
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return the points to mark, and how inputs are images."""
    window = part.window
    rows = None if points is None else as_point_rows(points, "points", _WHO, window.n_in)
    image = image_of(pack, window, part.network, rows, np.shape(points) if points is not None else (), image_shape)
    if rows is None:
        return [], image
    texts = labels_of(labels, len(rows), _WHO)
    places = window.coordinates(rows)
    away = np.linalg.norm(rows - window.point(places), axis=1)
    # What rounding leaves is no distance.
    away[away <= 1e-9 * (np.linalg.norm(rows, axis=1) + np.linalg.norm(window.origin))] = 0.0
    found = [
        {"place": place.tolist(), "distance": float(gap), "label": ""} for place, gap in zip(places, away, strict=True)
    ]
    for entry, text in zip(found, texts, strict=False):
        entry["label"] = text
    return found, image


def _decision_name(page: dict[str, Any]) -> str:
    single = bool(page["moments"]) and page["moments"][0]["outputs"] == 1
    return "where the output is 0" if single else "decision boundary"


def _hex(color: Any) -> str:
    return "#" + "".join(f"{round(255 * float(np.clip(entry, 0, 1))):02x}" for entry in color)


def _as_json(page: dict[str, Any]) -> str:
    """Return JSON that no text can get out of."""
    text = json.dumps(page, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
