"""The report: verdicts follow from the tables, and the page stands alone."""

import base64
import io
import itertools
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import linregions as lr
from linregions._support.tables import write_metadata, write_table
from linregions.cli import main
from linregions.errors import InvalidValueError
from linregions.experiments import reproduce
from linregions.experiments.context import Context
from linregions.experiments.figures import fig2, fig3, fig4, fig8
from linregions.experiments.findings import turn_of, with_error
from linregions.experiments.report.claims import CLAIMS, SETUP
from linregions.experiments.report.report import write_report
from linregions.experiments.saved import load_saved

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


def saved(folder, name, rows, settings=None, **tables):
    """Write tables as `reproduce` does, and open them."""
    write_table(folder / f"{name}.csv", rows)
    for key, table in tables.items():
        write_table(folder / f"{name}-{key}.csv", table)
    write_metadata(folder / f"{name}.json", settings=settings or {}, seed=0, tables=list(tables))
    return load_saved(folder, name)


def verdict(start, **found):
    """Return the finding on the statement that begins so."""
    (claim,) = (claim for claim in CLAIMS if claim.quote.removeprefix("… ").startswith(start))
    return claim.judge(found)


def through_training(values, **more):
    """Return rows of two runs, equal but for one thousandth, whose `values` are per architecture and epoch."""
    return [
        {"architecture": name, "neurons": neurons, "run": run, "epoch": epoch, "test_accuracy": 0.97}
        | {key: value * (1 + run / 1000) for key, value in entries.items()}
        | more
        for (name, neurons), moments in values.items()
        for run in (1, 2)
        for epoch, entries in moments.items()
    ]


def lines(a, b=None):
    """Return rows of figure 5: regions per neuron of two architectures at three moments."""
    names = (("[8, 8]", 16), ("[16]", 16))
    return through_training(
        {
            name: {
                epoch: {
                    "activation_regions_per_neuron": value,
                    "linear_regions_per_neuron": value,
                    "activation_regions": 16 * value,
                }
                for epoch, value in zip((0.0, 0.5, 3.0), values, strict=True)
            }
            for name, values in zip(names, (a, b or a), strict=True)
        }
    )


LINES = {"lines": 7}


@pytest.mark.parametrize(
    ("start", "yes", "no"),
    [
        ("all networks start out", lines((1.05, 0.8, 1.2)), lines((1.2, 0.8, 1.2))),
        ("a shallow network and", lines((1.05, 0.8, 1.2)), lines((1.05, 0.8, 1.2), (0.8, 0.8, 0.8))),
        ("Throughout training, the number", lines((1.0, 0.6, 1.9)), lines((1.0, 0.4, 1.0))),
        ("Throughout training, the number", lines((1.0, 0.6, 1.9)), lines((1.0, 1.0, 2.1), (1.0, 1.0, 1.0))),
        ("The number of regions actually", lines((1.0, 0.6, 0.9)), lines((1.0, 1.1, 0.9), (1.0, 0.6, 0.9))),
        ("The number of regions actually", lines((1.0, 0.9, 1.5)), lines((1.0, 0.9, 0.8))),
        ("The number of regions actually", lines((1.0, 0.6, 0.9), (1.0, 1.0, 1.0)), lines((1.0, 1.1, 1.2))),
    ],
)
def test_statements_on_lines(tmp_path, start, yes, no):
    assert verdict(start, fig5=saved(tmp_path, "fig5", yes, LINES)).holds is True
    assert verdict(start, fig5=saved(tmp_path, "fig5", no, LINES)).holds is False


def test_what_the_tables_cannot_tell(tmp_path):
    late = [row for row in lines((1.0, 0.6, 0.9)) if row["epoch"] > 0]
    found = saved(tmp_path, "fig5", late, LINES)
    for start in (
        "all networks start",
        "a shallow network",
        "Throughout training, the number",
        "The number of regions",
    ):
        assert verdict(start, fig5=found).holds is None
    for claim in CLAIMS:
        assert claim.judge({}).holds is None


def test_one_layer_is_no_counterexample(tmp_path):
    rows = lines((1.0, 0.6, 0.9), (1.0, 1.0, 1.0))
    items = verdict("The number of regions", fig5=saved(tmp_path, "fig5", rows, LINES)).items
    assert [item.split(" ")[0] for item in items] == ["[8,", "[16]:"]
    assert items[1] == "[16]: with one hidden layer a line meets every neuron once, before and after"


def test_points_of_different_kind_are_one_training(tmp_path):
    rows = distances([[0.5, 1.4, 1.0]] * 2, samples=("normal", "train", "test"))
    for row in rows:
        row["test_accuracy"] = 0.96 + 0.01 * (row["run"] == 2)
    found = verdict("All networks attain", fig6=saved(tmp_path, "fig6", rows))
    expected = ("[10] after 2 epochs: 96.5 ± 0.5 % (2 runs)", "[20] after 2 epochs: 96.5 ± 0.5 % (2 runs)")
    assert found.items == expected
    # Figure 5 looks at the same trainings, and at a third.
    more = lines((1.0, 0.6, 0.9))
    for row in more:
        row |= {"architecture": "[10]", "epoch": row["epoch"] * 2 / 3, "test_accuracy": 0.96 + 0.01 * (row["run"] == 2)}
    more += [row | {"run": 3, "test_accuracy": 0.98} for row in more if row["run"] == 1]
    both = verdict("All networks attain", fig5=saved(tmp_path, "fig5", more, LINES), fig6=saved(tmp_path, "fig6", rows))
    assert both.items == ("[10] after 2 epochs: 97.00 ± 0.58 % (3 runs)", expected[1])


def test_what_was_measured_is_told_with_error_bars(tmp_path):
    found = verdict("all networks start", fig5=saved(tmp_path, "fig5", lines((1.0, 0.6, 0.9)), LINES))
    # two runs, 1.001 and 1.002: mean 1.0015, standard error 0.0005
    assert "2 runs of 7 lines" in found.measured
    assert found.items == ("[8, 8] 1.0015 ± 0.0005", "[16] 1.0015 ± 0.0005")


def distances(values, samples=("normal", "test"), factor=1.0):
    """Return rows of figure 6: distance times neurons at three moments; of further samples times a factor."""
    rows = []
    for k, sample in enumerate(samples):
        for neurons, products in zip((10, 20), values, strict=True):
            scaled = [product * factor**k for product in products]
            rows += through_training(
                {
                    (f"[{neurons}]", neurons): {
                        epoch: {"distance_times_neurons": value, "distance": value / neurons}
                        for epoch, value in zip((0.0, 1.0, 2.0), scaled, strict=True)
                    }
                },
                sample=sample,
            )
    return rows


@pytest.mark.parametrize(
    ("start", "yes", "no"),
    [
        (
            "Throughout training, we find",
            distances([[0.5, 1.4, 1.0]] * 2),
            distances([[0.5, 1.4, 1.0], [0.35, 1, 1]]),
        ),
        ("Throughout training, we find", distances([[0.38, 1.6, 1.0]] * 2), distances([[0.5, 1.4, 1.0], [1, 1.7, 1]])),
        ("At initialization, as we", distances([[0.5, 1, 1], [0.55, 1, 1]]), distances([[0.5, 1, 1], [0.7, 1, 1]])),
        (
            "the distance to the nearest",
            distances([[0.5, 1.4, 1.0]] * 2),
            distances([[0.5, 1.4, 1.0], [0.5, 0.9, 1.0]]),
        ),
        ("Rerunning these", distances([[1, 1, 1]] * 2, factor=1.9), distances([[1, 1, 1]] * 2, factor=0.45)),
    ],
)
def test_statements_on_distances(tmp_path, start, yes, no):
    assert verdict(start, fig6=saved(tmp_path, "fig6", yes, {"points": 9})).holds is True
    assert verdict(start, fig6=saved(tmp_path, "fig6", no, {"points": 9})).holds is False


def test_means_outside_the_band_are_told(tmp_path):
    found = saved(tmp_path, "fig6", distances([[0.5, 1.4, 1.0], [0.35, 1.7, 1.0]]), {"points": 9})
    normal = verdict("Throughout training, we find", fig6=found).items[0]
    assert normal.endswith(
        "67% of the means lie between the curves, all but those of [20] at 2 moments from epoch 0 to 1"
    )
    found = saved(tmp_path, "fig6", distances([[0.5, 1.4, 1.0], [0.5, 1.6, 1.0]]), {"points": 9})
    assert verdict("Throughout training, we find", fig6=found).items[0].endswith("all but those of [20] at epoch 1")
    found = saved(tmp_path, "fig6", distances([[0.5, 1.4, 1.0]] * 2), {"points": 9})
    assert (
        verdict("Throughout training, we find", fig6=found)
        .items[0]
        .endswith("100% of the means lie between the curves")
    )


def distribution(means, width):
    """Return tables of figure 7 for normal log distances with these means at three moments."""
    low = np.arange(-60, 20) / 10
    moments, histogram = [], []
    for epoch, mean in zip((0.0, 1.0, 20.0), means, strict=True):
        start = {"architecture": "[4, 4]", "neurons": 8, "epoch": epoch}
        density = np.exp(-(((low + 0.05 - mean) / width) ** 2) / 2)
        histogram += [
            start | {"log10_low": a, "log10_high": a + 0.1, "share": b, "share_stderr": 0.0}
            for a, b in zip(low.tolist(), (density / density.sum()).tolist(), strict=True)
        ]
        moments += [
            start
            | {"run": run, "log10_mean": mean + 0.01 * run * (1 + epoch / 100), "log10_sd": width + 0.001 * run}
            | {"test_accuracy": 0.9}
            for run in (1, 2, 3)
        ]
    return {"rows": moments, "moments": moments, "histogram": histogram}


@pytest.mark.parametrize(
    ("start", "yes", "no"),
    [
        ("this distribution does", ((-2, -1.8, -1.8), 0.6), ((-2, -1, -1), 0.6)),
        ("this distribution does", ((-2, -2.2, -1.8), 0.6), ((-2, -1, -2), 0.6)),  # away and back
        ("there appears to be", ((-2, -1.8, -1.9), 0.6), ((-2, -1.8, -2.1), 0.6)),
        ("there appears to be", ((-2, -1.8, -1.9), 0.6), ((-2, -1.8, -2.003), 0.6)),
        ("distance to the nearest region", ((-2, -2, -2), 0.6), ((-2, -2, -2), 0.2)),
    ],
)
def test_statements_on_distributions(tmp_path, start, yes, no):
    assert verdict(start, fig7=saved(tmp_path, "fig7", **distribution(*yes))).holds is True
    assert verdict(start, fig7=saved(tmp_path, "fig7", **distribution(*no))).holds is False


def squares(counts, scales):
    """Return tables of figure 8 with 10 neurons: counts at three moments, and in squares of three sizes."""
    rows = [
        {"run": run, "epoch": epoch, "neurons": 10, "regions": count + run, "regions_per_neuron_squared": count / 100}
        | {"test_accuracy": 0.96}
        for run in (1, 2)
        for epoch, count in zip((0.0, 1.0, 5.0), counts, strict=True)
    ]
    table = [
        {"run": run, "epoch": epoch, "scale": scale, "neurons": 10, "regions": count + run}
        | {"regions_per_neuron_squared": count / 100}
        for run, epoch in itertools.product((1, 2), (0.0, 5.0))
        for scale, count in zip((1.0, 10.0, 100.0), scales, strict=True)
    ]
    return rows, {"scales": table}


@pytest.mark.parametrize(
    ("start", "yes", "no"),
    [
        ("the regions expand", ((50, 35, 45), (50, 60, 60)), ((50, 35, 30), (50, 60, 60))),
        ("We expect the number", ((50, 35, 45), (50, 60, 60)), ((50, 20, 45), (50, 60, 60))),
        ("We expect the number", ((50, 35, 45), (50, 60, 60)), ((50, 40, 400), (50, 60, 60))),
        ("that is, (64", ((50, 35, 45), (50, 80, 80)), ((50, 35, 45), (50, 60, 60))),
    ],
)
def test_statements_on_the_plane(tmp_path, start, yes, no):
    for (counts, scales), expected in ((yes, True), (no, False)):
        rows, tables = squares(counts, scales)
        found = verdict(start, fig8=saved(tmp_path, "fig8", rows, {"scale": 1.5}, **tables))
        assert found.holds is expected


def test_growth_with_the_square_is_told(tmp_path):
    rows, tables = squares((25, 20, 22), (25, 40, 60))
    found = saved(tmp_path, "fig8", rows, {"scale": 1.5}, **tables)
    assert "From 10 circumradii on, squares reach that order." in verdict("We expect the number", fig8=found).measured
    text = verdict("that is, (64", fig8=found).measured
    assert text.startswith(
        "At epoch 0 the count goes from 26.5 ± 0.5 in a square of 1 circumradii to at most 61.5 ± 0.5"
    )
    assert "in one of 100, by 48% over the last step from 10 on." in text
    assert "0.61 times #neurons² = 100, and 1.10 times the 56 regions into which 10 straight lines cut a plane" in text


@pytest.mark.parametrize(("accuracy", "expected"), [(0.96, True), (0.9804, True), (0.985, False), (0.94, False)])
def test_accuracy_of_all_experiments(tmp_path, accuracy, expected):
    five = saved(tmp_path, "fig5", lines((1.0, 0.9, 1.0)), LINES)
    rows, tables = squares((25, 20, 22), (25, 40, 60))
    eight = saved(
        tmp_path, "fig8", [row | {"test_accuracy": accuracy} for row in rows], {"scale": 1, "hidden": [5, 5]}, **tables
    )
    found = verdict("All networks attain", fig5=five, fig8=eight)
    assert found.holds is expected
    assert found.items[1:] == (
        "[16] after 3 epochs: 97 ± 0 % (2 runs)",
        f"[5, 5] after 5 epochs: {accuracy * 100:.4g} ± 0 % (2 runs)",
    )


def test_statements_on_the_sawtooth(tmp_path):
    rows = [fig3.row(n, 3 * n + 4, 2 ** (n + 1), np.array([n, n + 2, n + 4])) for n in (2, 3, 6)]
    found = saved(tmp_path, "fig3", rows)
    assert verdict("a sawtooth function", fig3=found).holds is True
    ruined = verdict("However, even slightly", fig3=found)
    assert ruined.holds is True
    assert "n = 6: 128 regions before, 8.0 ± 1.2 after, over 3 draws (median 8" in ruined.measured
    rows[-1]["regions_before"] = 10
    found = saved(tmp_path, "fig3", rows)
    assert verdict("a sawtooth function", fig3=found).holds is False
    assert verdict("However, even slightly", fig3=found).holds is False


def test_statements_on_initialisation(tmp_path):
    rows = [
        {"architecture": f"[{n}]", "neurons": n, "runs": 9, "linear_regions_per_neuron": value}
        | {"linear_regions_per_neuron_stderr": 0.01}
        for n, value in ((8, 1.0), (16, 1.05))
    ]
    found = saved(tmp_path, "fig4", rows, initialisation=rows)
    assert verdict("we believe that", fig4=found).holds is True
    assert verdict("we believe that", fig4=saved(tmp_path, "fig4", rows)).holds is None
    rows[1]["linear_regions_per_neuron"] = 1.2
    assert verdict("we believe that", fig4=saved(tmp_path, "fig4", rows, initialisation=rows)).holds is False


def test_statements_on_two_inputs(tmp_path, monkeypatch):
    found = reproduce("fig2", Context(out=tmp_path, seed=1), settings=fig2.Settings(hidden=(5, 4))).saved
    assert verdict("Each neuron in the first", fig2=found).holds is True
    assert verdict("Ultimately", fig2=found).holds is True
    assert "5 of 5 neurons" in verdict("Each neuron in the first", fig2=found).measured
    # two layers in place of the first bend the boundaries
    monkeypatch.setattr(type(found), "plane", lambda saved, key: lr.PlanePartition.load(tmp_path / "fig2-layers-2.npz"))
    assert verdict("Each neuron in the first", fig2=found).holds is False


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[3, 1, 2], [3.2, 1.1, 2.1]], True),
        ([[3, 1, 2]], True),  # one run: no error bar, but a clear turn
        ([[3, 1, 2], [3, 1, 1.1]], None),  # one run comes back, the other hardly
        ([[3, 1, 2], [3, 1, -1]], False),
        ([[1, 2, 3], [1, 2, 3]], False),
        ([[3, 2], [3, 2]], None),
    ],
)
def test_turns(values, expected):
    rows = [{"run": r, "epoch": e, "x": x} for r, run in enumerate(values) for e, x in enumerate(run)]
    assert turn_of(rows, "x", 1)[1] is expected
    assert turn_of([row | {"x": -row["x"]} for row in rows], "x", -1)[1] is expected


@pytest.mark.parametrize(
    ("mean", "error", "expected"),
    [
        (12345.6, 7.0, "12,346 ± 7"),
        (0.97, float("nan"), "0.97"),
        (12345.6, float("nan"), "12,346"),
        (0.5, 0.0, "0.5 ± 0"),
    ],
)
def test_error_bars_in_words(mean, error, expected):
    assert with_error(mean, error) == expected


# The page -------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects what a page asks for."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.images, self.links, self.ids, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        given = dict(attributes)
        if tag == "img":
            self.images.append(given)
        if "href" in given:
            self.links.append(given["href"])
        if "id" in given:
            self.ids.append(given["id"])
        if tag not in {"img", "meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    context = Context(out=tmp_path_factory.mktemp("results"), seed=1, progress=False)
    reproduce("fig2", context, settings=fig2.Settings(hidden=(4, 3)))
    reproduce("fig3", context, settings=fig3.Settings(ns=(1, 2, 3), draws=5, shown=2))
    reproduce("fig4", context, settings=fig4.Settings(hidden=(5, 5), others=((4,), (2, 2)), draws=3))
    return context.folder


def test_the_page_stands_alone(results):
    page = write_report(results)
    assert page == results / "report" / "index.html"
    text = page.read_text(encoding="utf-8")
    found = Page(text)
    assert not found.open
    assert not {"script", "link", "iframe", "object", "base"} & set(found.tags)
    assert not re.search(r"url\(|@import|https?://|\$\w", text)
    assert set(found.links) <= {f"#{name}" for name in found.ids}
    assert [image["alt"].split(":")[0] for image in found.images] == ["Figure 2", "Figure 3", "Figure 4"]
    for image in found.images:
        kind, data = image["src"].split(",")
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
            assert kind == f"data:image/{picture.format.lower()};base64"
            assert picture.width > 500
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_pictures_in_the_page(monkeypatch):
    from matplotlib.figure import Figure
    from PIL import features

    from linregions.experiments.report import report

    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([0, 1])
    kind, exact = report._encoded(figure)
    assert kind == "webp"
    assert report._encoded(figure, large=len(exact) - 1)[1] != exact  # with loss
    monkeypatch.setattr(features, "check", lambda _: False)
    kind, content = report._encoded(figure)
    assert kind == "png"
    np.testing.assert_array_equal(
        *(np.asarray(Image.open(io.BytesIO(code)).convert("RGB")) for code in (exact, content))
    )


def test_the_page_has_every_statement_with_its_verdict(results):
    text = write_report(results).read_text(encoding="utf-8")
    found = {name: load_saved(results, name) for name in ("fig2", "fig3", "fig4")}
    judged = [(claim, claim.judge(found)) for claim in CLAIMS]
    counts = [sum(finding.holds is holds for _, finding in judged) for holds in (True, False, None)]
    assert f"Of {len(CLAIMS)} statements, <b>{counts[0]} hold here</b> and <b>{counts[1]} do" in text
    assert f"{counts[2]} are not measured or not decided" in text
    assert text.count('<article class="claim">') == sum(claim.about in {*found, SETUP} for claim in CLAIMS)
    for claim, finding in judged:
        if claim.about in found:
            assert claim.quote in text
            assert claim.place in text
            assert finding.measured.replace("'", "&#x27;") in text
            assert all(f"<li>{item}</li>" in text for item in finding.items)
    assert (
        "Not in this report: Figure 1, Figure 5, Figure 6, Figure 7, Figure 8, Theorems, Convolutions. Add with "
        "<code>linregions reproduce fig1 fig5 fig6 fig7 fig8 theorems conv</code>" in text
    )
    assert "5 draws; seed 1." in text
    assert f"linregions {lr.__version__}, numpy {np.__version__}, " in text


def test_the_page_is_the_same_each_time_and_may_go_elsewhere(results, tmp_path):
    first = write_report(results).read_bytes()
    elsewhere = write_report(results, tmp_path)
    assert elsewhere == tmp_path / "report" / "index.html"
    assert elsewhere.read_bytes() == first


def test_reproduce_and_plot_end_with_the_report(tmp_path, capsys):
    assert main(["reproduce", "fig2", "--out", str(tmp_path / "a"), "-q"]) == 0
    page = tmp_path / "a" / "report" / "index.html"
    assert capsys.readouterr().out.splitlines()[-1] == f"report: {page}"
    first = page.read_bytes()
    page.unlink()
    assert main(["plot", str(tmp_path / "a"), "--out", str(tmp_path / "b"), "-q"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"report: {tmp_path / 'b' / 'report' / 'index.html'}"
    assert (tmp_path / "b" / "report" / "index.html").read_bytes() == first
    assert not page.exists()


def test_nothing_to_report(tmp_path):
    with pytest.raises(InvalidValueError, match="which has no experiment in it"):
        write_report(tmp_path)


def test_training_figures_in_the_page(tmp_path):
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 6)), np.arange(60) % 3
    np.savez(tmp_path / "six.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    context = Context(out=tmp_path / "out", data=tmp_path / "six.npz", progress=False)
    small = fig8.Settings(hidden=(4, 4), epochs=(0.0, 1.0, 2.0), scales=(1.0, 4.0), runs=2, batch_size=8)
    for name in ("fig1", "fig8"):
        reproduce(name, context, settings=small)
    text = write_report(context.folder).read_text(encoding="utf-8")
    assert "Regions against the size of the square, mean over runs" in text
    assert "[4, 4] after 2 epochs" in text
    assert "<figcaption>2 runs; seed 0.</figcaption>" in text
    assert "<figcaption>one run, no error bar; seed 0.</figcaption>" in text
