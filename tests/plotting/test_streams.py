"""Pictures of regions on disk, and of statistics of regions."""

import sys

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError, MissingDependencyError
from linregions.plotting import plot_plane

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402


@pytest.fixture(scope="module")
def part():
    net = lr.random_network([2, 40, 40, 40, 4], 3, bias_variance=0.2)
    return lr.partition(net, lr.PlaneWindow.of_inputs(-2, 2))


def words_of(figure):
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.fixture(scope="module", params=["npz", "parquet"])
def stream(request, part, tmp_path_factory):
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    sink = lr.RegionStream(tmp_path_factory.mktemp("stream"), format=request.param)
    sink.cells_in_batch = 1
    return lr.partition(part.network, part.window, sink=sink)


def test_a_stream_is_drawn_like_its_partition(part, stream):
    """Pixel for pixel in the middle of regions, in several parts."""
    image = stream.plot(Figure().subplots(), pixels=300, edges=False)
    array = np.asarray(image.get_array()).astype(float) / 255
    assert array.shape == (300, 300, 4)
    colors = plot_plane(part, Figure().subplots(), color_by="pattern").faces.get_facecolor()
    checked = 0
    for k in np.flatnonzero(part.areas > 0.004):
        u, v = part.polygon(k).mean(axis=0)
        row, column = int((2 - v) / 4 * 300), int((u + 2) / 4 * 300)
        near = array[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 4)
        if np.ptp(near, axis=0).max() == 0:  # not on a boundary
            np.testing.assert_allclose(near[0], colors[k], atol=1.5 / 255)
            checked += 1
    assert checked > 30
    assert stream.n_parts > 10
    assert np.all(array[:, :, 3] > 0.85)  # no gap, between parts either


def test_a_stream_by_area(part, stream):
    ax = Figure().subplots()
    stream.plot(ax, color_by="area", pixels=64, points=[[0.0, 0.5]], labels=[3], title="stream", colormap="magma")
    assert ax.get_title() == "stream"
    assert [text.get_text() for text in ax.texts] == ["3"]
    assert (ax.get_xlim(), ax.get_xlabel()) == ((-2, 2), "$x_1$")
    assert "area of the region" in words_of(ax.figure)
    np.testing.assert_array_equal(stream.to_axes([[1.0, 2.0]]), [[1.0, 2.0]])


def test_messages_of_streams(part, stream, tmp_path, monkeypatch):
    for options, message in (
        ({"color_by": "class"}, "`color_by` is 'class', but plot_stream needs one of 'pattern', 'area'"),
        ({"pixels": 5}, "`pixels` is 5, but plot_stream needs at least 16"),
        ({"pixels": 10**6}, "`pixels` is 1000000, but plot_stream needs at most 20000"),
    ):
        with pytest.raises(InvalidValueError, match=message):
            stream.plot(Figure().subplots(), **options)
    bare = lr.partition(part.network, part.window, sink=lr.RegionStream(tmp_path / "bare", patterns=False))
    assert bare.plot(Figure().subplots(), pixels=32).get_array().shape == (32, 32, 4)  # by area
    with pytest.raises(InvalidValueError, match="`color_by` is 'pattern', but plot_stream needs patterns, which"):
        bare.plot(Figure().subplots(), color_by="pattern")
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    for call in (stream.plot, lr.partition(part.network, part.window, sink=lr.RegionStatistics()).plot):
        with pytest.raises(MissingDependencyError, match=r"`matplotlib` cannot be imported .*linregions\[plot\]"):
            call()


def test_statistics_are_drawn(part):
    found = lr.partition(part.network, part.window, sink=lr.RegionStatistics())
    figure = found.plot()
    plt.close(figure)
    areas, perimeters, sides = figure.axes
    for ax, values in ((areas, part.areas), (perimeters, part.perimeters)):
        (steps,) = [patch for patch in ax.patches if isinstance(patch, matplotlib.patches.StepPatch)]
        counts, edges, _ = steps.get_data()
        assert counts.tolist() == np.histogram(values, edges)[0].tolist()
        assert counts.sum() == part.n_regions
        median = ax.lines[0].get_xdata()[0]
        assert abs(np.log10(median / np.median(values))) < 0.1
        assert ax.get_xscale() == "log"
    bars = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in sides.patches}
    expected = np.unique(np.diff(part.face_offsets), return_counts=True)
    assert bars == dict(zip(*map(np.ndarray.tolist, expected), strict=True))
    assert f"{part.n_regions:,} regions" in words_of(figure)
    with pytest.raises(InvalidValueError, match="`axes` has 1 entries, but plot_statistics needs three"):
        found.plot(Figure().subplots())
