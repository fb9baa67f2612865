"""Pictures of cells and surfaces of three inputs, by the data of their artists."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError
from linregions.plotting import plot_cells, plot_surface
from linregions.plotting import solids as module
from linregions.plotting.solids import cells_figure, surface_figure

pytest.importorskip("matplotlib").use("agg")
pytest.importorskip("scipy")


@pytest.fixture(scope="module")
def part() -> lr.BoxPartition:
    return lr.partition(lr.random_network([3, 6, 3], 4, bias_variance=0.3), lr.Box([-1, -1, -1], [1, 1, 2]))


def axes():
    from matplotlib.figure import Figure

    return Figure().add_subplot(projection="3d")


def test_surfaces_have_a_face_for_each_polygon(part: lr.BoxPartition) -> None:
    surface, ax = part.decision_boundary(), axes()
    artist = surface.plot(ax)
    assert len(artist.get_facecolor()) == len(surface)
    assert ax.get_zlim() == pytest.approx((-1, 2))
    seconds = np.unique(surface.classes[:, 1])
    shades = artist.get_facecolor()[:, :3] / artist.get_facecolor()[:, :3].max(axis=1, keepdims=True)
    # One hue for each, light or in the shade; matplotlib orders faces by depth.
    hues, counts = np.unique(np.round(shades, 4), axis=0, return_counts=True)
    assert sorted(counts) == sorted(np.unique(surface.classes[:, 1], return_counts=True)[1])
    assert len(hues) == len(seconds)
    red = plot_surface(surface, axes(), color="red").get_facecolor()
    assert (red[:, 1:3] == 0).all()
    assert surface_figure(surface, title="classes").axes[0].get_title() == "classes"


def test_cells_have_a_face_for_each_facet(part: lr.BoxPartition) -> None:
    artist = part.plot([0, 2], axes(), opacity=0.5)
    offsets = part.cell_facets[0]
    assert len(artist.get_facecolor()) == offsets[1] - offsets[0] + offsets[3] - offsets[2]
    assert (artist.get_facecolor()[:, 3] == 0.5).all()
    figure = cells_figure(part, title="all")
    assert len(figure.axes[0].collections[0].get_facecolor()) == 2 * part.n_facets - np.sum(part.facet_side >= 0)


def test_what_is_refused(part: lr.BoxPartition, monkeypatch: pytest.MonkeyPatch) -> None:
    flat = lr.partition(lr.random_network([2, 4, 1], 0), lr.Box([0, 0], [1, 1]))
    with pytest.raises(InvalidValueError, match="`partition` has 2 inputs, but plot_cells needs three"):
        plot_cells(flat)
    monkeypatch.setattr(module, "_MOST_POLYGONS", 3)
    with pytest.raises(InvalidValueError, match=r"`self` has \d+ polygons, but plot_cells draws 3 at most"):
        part.plot(ax=axes())
