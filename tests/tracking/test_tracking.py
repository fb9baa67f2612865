"""A tracker records the right numbers at the right steps, cheaply, and leaves the training alone."""

import copy
import json
import subprocess
import sys
import threading
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError, NumericalError, UnsupportedModuleError
from linregions.tracking import schedule

torch = pytest.importorskip("torch")
nn = torch.nn


def network(seed=0):
    return lr.random_network([3, 8, 8, 2], seed, bias_variance=0.1)


def examples(n=40, seed=1):
    return np.random.default_rng(seed).normal(size=(n, 3))


@pytest.fixture
def probes():
    return lr.default_probes(examples(), rng=0, lines=4, points=10)


@dataclass(frozen=True)
class Constant:
    """The cheapest probe there is."""

    name: str = "mine"
    value: float = 1.0

    def measure(self, network):
        return {"value": self.value}


def test_the_numbers_are_those_of_the_library(probes):
    lines, distance = probes
    window = lr.PlaneWindow.through(*examples()[:3])
    tracker = lr.Tracker([*probes, lr.PlaneProbe(window), lr.LineProbe(lines.lines, "linear")], every=10)
    net = network()
    row = tracker(net)
    counts = lr.count_regions(net, list(lines.lines))
    assert row["lines/regions"] == counts.mean()
    assert row["lines/regions_stderr"] == pytest.approx(np.std(counts, ddof=1) / 2)
    assert row["lines/regions_per_neuron"] == pytest.approx(counts.mean() / 16)
    assert row["lines_linear/regions"] == lr.count_regions(net, list(lines.lines), "linear").mean()
    distances = lr.boundary_distance(net, distance.points)
    assert row["distance/mean"] == pytest.approx(distances.mean())
    assert row["distance/mean_times_neurons"] == pytest.approx(16 * distances.mean())
    ordered = np.sort(distances)
    assert [row[f"distance/median{end}"] for end in ("_low", "", "_high")] == [ordered[0], ordered[4], ordered[8]]
    assert row["distance/unbounded"] == 0.0
    assert row["plane/regions"] == lr.count_regions(net, window)
    assert row["plane/regions_per_neuron_squared"] == pytest.approx(row["plane/regions"] / 256)
    assert (row["step"], row["status"]) == (0, "ok")
    assert np.isnan(row["epoch"])


def test_points_without_a_boundary_are_counted_apart():
    nowhere = lr.Network.from_layers([([[0.0]], [1.0]), ([[1.0]], [0.0])])
    found = lr.DistanceProbe([[0.0], [1.0]]).measure(nowhere)
    assert found["unbounded"] == 1.0
    assert found["mean"] == found["median"] == found["median_low"] == np.inf


@pytest.mark.parametrize(("stride", "recorded"), [(1, [0, 10, 20]), (7, [0, 14, 21]), (10, [0, 10, 20])])
def test_an_integer_counts_steps(stride, recorded):
    tracker = lr.Tracker([Constant()], every=10)
    for step in range(0, 30, stride):
        tracker(network(), step=step)
    assert [row["step"] for row in tracker.rows] == recorded


def test_steps_are_counted_by_calls_where_they_are_not_given():
    tracker = lr.Tracker([Constant()], every=4)
    for _ in range(10):
        tracker.step(network())
    assert tracker(network()) is None
    assert tracker(network(), force=True)["step"] == 11
    assert [row["step"] for row in tracker.rows] == [0, 4, 8, 11]


@pytest.mark.parametrize("given", [True, False])
def test_a_float_counts_epochs(given):
    per_epoch = 7
    tracker = lr.Tracker([Constant()], every=1 / 3, steps_per_epoch=None if given else per_epoch)
    for step in range(15):
        tracker(network(), step=step, epoch=step / per_epoch if given else None)
    assert [row["step"] for row in tracker.rows] == [0, 3, 5, 7, 10, 12, 14]
    assert tracker.rows[3]["epoch"] == 1.0


def test_a_whole_float_is_epochs_not_steps():
    tracker = lr.Tracker([Constant()], every=1.0)
    for step in range(6):
        tracker(network(), step=step, epoch=step // 3)
    assert [row["step"] for row in tracker.rows] == [0, 3]


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@dataclass(frozen=True)
class Slow:
    """A probe that takes a while."""

    clock: Clock
    seconds: float
    name: str = "slow"

    def measure(self, network):
        self.clock.now += self.seconds
        return {"value": 0.0}


def test_automatic_records_stay_within_the_budget_and_thin_out(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(schedule, "perf_counter", clock)
    tracker = lr.Tracker([Slow(clock, 1 / 32)], budget=1 / 16)
    net, seen, steps = network(), [], 40_000
    for step in range(steps):
        if tracker(net, step=step):
            seen.append(step)
        clock.now += 1 / 512
    assert 1 / 25 < tracker.share <= 1 / 16
    assert tracker.setup_seconds == 1 / 32
    assert tracker.measuring_seconds == len(seen) / 32
    assert tracker.training_seconds == seen[-1] / 512
    # Of the first second, records come early, at steps that grow by half; until the budget has paid for them.
    early = [0, 1, 2, 3, 5, 8, 12, 18, 27, 41, 62, 93, 140, 210, 315, 473, 710, 1065, 1598, 2397, 3596, 5394]
    assert seen[: len(early)] == early
    assert seen[len(early)] == pytest.approx(512 * 16 * (len(early) + 1.25) / 32, abs=2)
    gaps = np.diff(seen)[len(early) :]
    # Half a second and a quarter of training pay for a record, that is 320 steps; later on, a hundredth of all steps
    # is more.
    assert gaps[:60].tolist() == [320] * 60
    assert gaps[-1] == pytest.approx(0.01 * seen[-2], abs=1)
    assert gaps[-1] > 380


@pytest.mark.parametrize(("steps", "seconds"), [(157, 0.012), (157, 0.1), (50, 0.05), (50, 1e-4)])
def test_a_short_training_has_ten_records(monkeypatch, steps, seconds):
    """The budget alone would pay for two of 157 steps of 1.5 ms, where a record takes 12."""
    clock = Clock()
    monkeypatch.setattr(schedule, "perf_counter", clock)
    tracker, net = lr.Tracker([Slow(clock, seconds)]), network()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in range(steps):
            tracker(net, step=step)
            clock.now += 0.0015
        tracker(net, step=steps, force=True)
    assert len(tracker.rows) >= 10
    if seconds < 0.1:
        assert tracker.rows[-2]["step"] > steps / 2  # spread over the whole of it
    assert tracker.measuring_seconds <= 1.0 + 2 * seconds


def test_too_few_records_are_told(monkeypatch, tmp_path):
    clock = Clock()
    monkeypatch.setattr(schedule, "perf_counter", clock)
    tracker, net = lr.Tracker([Slow(clock, 0.3)]), network()
    for step in range(157):
        tracker(net, step=step)
        clock.now += 0.0015
    message = r"3 records of 157 steps, since one takes 0.3 s and .* below 5 % of .* Give `every=15`, or a larger"
    with pytest.warns(RuntimeWarning, match=message) as told:
        tracker.to_csv(tmp_path / "table.csv")
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        tracker.to_csv(tmp_path / "table.csv")
        tracker(net, step=157, force=True)
    other = lr.Tracker([Slow(clock, 0.6)], every=100)
    for step in range(157):
        other(net, step=step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as it was asked for
        other.to_csv(tmp_path / "table.csv")


def test_cheap_automatic_records_grow_with_the_steps(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(schedule, "perf_counter", clock)
    tracker, net = lr.Tracker([Constant()]), network()
    for step in range(2000):
        tracker(net, step=step)
        clock.now += 0.002
    steps = np.array([row["step"] for row in tracker.rows])
    assert steps[:50].tolist() == list(range(50))
    assert np.all(np.diff(steps) >= np.floor(0.01 * steps[:-1]))
    assert np.all(np.diff(steps) <= 0.01 * steps[:-1] + 1)


def test_a_pause_is_not_followed_by_a_burst(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(schedule, "perf_counter", clock)
    tracker, net = lr.Tracker([Slow(clock, 0.05)], budget=0.1), network()
    tracker(net, step=1000)
    clock.now += 3600.0
    steps = [row["step"] for step in range(1001, 1400) if (row := tracker(net, step=step))]
    assert steps == [1010]


def module(dropout=False):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), *([nn.Dropout(0.5)] if dropout else []), nn.Linear(8, 2))


def train(model, steps, tracker=None, first=0, optimizer=None):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    x = torch.tensor(examples(), dtype=torch.float32)
    for step in range(first, steps):
        if tracker is not None:
            tracker(model, step=step)
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return optimizer


def test_the_training_goes_as_if_nobody_looked(probes):
    alone, tracked = module(dropout=True), module(dropout=True)
    torch.manual_seed(5)
    train(alone, 20)
    tracker = lr.Tracker(probes, every=3)
    np.random.seed(7)  # noqa: NPY002, the global state that must stay as it is
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    torch.manual_seed(5)
    train(tracked, 20, tracker)
    assert len(tracker.rows) == 7
    for one, other in zip(alone.parameters(), tracked.parameters(), strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one.grad, other.grad)
        assert other.requires_grad
    assert tracked.training
    assert all(child.training for child in tracked.children())
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_dropout_is_measured_as_in_evaluation(probes):
    model = module(dropout=True).train()
    tracked = lr.Tracker(probes, every=1)(model)
    evaluated = lr.Tracker(probes, every=1)(lr.from_torch(copy.deepcopy(model).eval()))
    assert tracked == pytest.approx(evaluated, nan_ok=True)


def test_wrapped_modules_are_taken_apart(probes):
    model = module()
    expected = lr.Tracker(probes, every=1)(model)
    assert lr.Tracker(probes, every=1)(nn.DataParallel(model)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.slow
def test_compiled_modules_are_taken_apart(probes):
    model = module()
    expected = lr.Tracker(probes, every=1)(model)
    for wrapped in (torch.compile(model), torch.compile(nn.DataParallel(model))):
        assert lr.Tracker(probes, every=1)(wrapped) == pytest.approx(expected, nan_ok=True)


def test_images_need_an_example():
    model = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Flatten())
    x = torch.ones(5, 2, 2)
    probe = lr.DistanceProbe(np.ones((1, 4)))
    assert lr.Tracker([probe], every=1, example_input=x)(model)["distance/mean"] == 1.0
    with pytest.raises(InvalidValueError, match="`module` has no Linear"):
        lr.Tracker([probe], every=1)(model)


def test_a_module_that_cannot_be_imported_is_refused_at_once(probes):
    tracker = lr.Tracker(probes, every=1000)
    with pytest.raises(UnsupportedModuleError, match="`module` has Sigmoid at position '1'"):
        tracker(nn.Sequential(nn.Linear(3, 2), nn.Sigmoid()))
    assert tracker.rows == []
    with pytest.raises(InvalidTypeError, match="`module` is str"):
        tracker("model")


def test_a_module_that_cannot_be_copied_is_refused_with_the_importers_words(probes):
    model = module().train()
    model.held = threading.Lock()
    with pytest.raises(InvalidValueError, match="`module` cannot be copied"):
        lr.Tracker(probes)(model)


def test_probes_that_do_not_fit_are_refused_at_once(probes):
    with pytest.raises(InvalidValueError, match=r"`domain\[0\]` lives in 3 dimensions"):
        lr.Tracker(probes, every=1)(lr.random_network([4, 3, 2], 0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_diverged_network_gets_a_row_and_one_warning(probes, bad):
    logged = []
    tracker, model = lr.Tracker(probes, every=1, log=lambda scalars, step: logged.append(scalars)), module()
    tracker(model)
    with torch.no_grad():
        model[2].bias[1] = bad
    with pytest.warns(RuntimeWarning, match="at step 1 the network could not be measured") as caught:
        tracker(model)
    assert caught[0].filename == __file__
    tracker(model)  # a second warning would be an error here
    assert [row["status"] for row in tracker.rows] == ["ok", *2 * ["NaN or infinity in 2.bias"]]
    assert all(np.isnan(value) for key, value in tracker.rows[2].items() if "/" in key)
    assert list(tracker.rows[2]) == list(tracker.rows[0])
    assert len(logged) == 3
    assert list(logged[2]) == list(logged[0])
    assert np.isnan(list(logged[2].values())).all()
    model = module()
    assert tracker(model)["status"] == "ok"


def test_a_network_that_begins_diverged_does_not_stop_the_training(probes):
    tracker, model = lr.Tracker(probes, every=1), module()
    with torch.no_grad():
        model[0].weight[0, 0] = float("nan")
    with pytest.warns(RuntimeWarning, match=r"NaN or infinity in 0\.weight"):
        row = tracker(model)
    assert list(row) == ["step", "epoch", "status"]
    assert tracker(module())["status"] == "ok"
    assert np.isnan(tracker.rows[0]["lines/regions"])


def test_values_that_overflow_are_a_matter_of_the_row_too(probes):
    torch.manual_seed(0)
    model = nn.Sequential(*[step for _ in range(10) for step in (nn.Linear(3, 3), nn.ReLU())], nn.Linear(3, 1))
    tracker = lr.Tracker(probes, every=1)
    tracker(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1e37)
    with pytest.warns(RuntimeWarning, match="is not reproduced by the imported layers"):
        assert tracker(model)["status"].startswith("`module` is not reproduced")


def test_one_probe_in_trouble_leaves_the_others(probes):
    class Troubled:
        name = "troubled"

        def measure(self, network):
            raise NumericalError("signs contradict one another.")

    with pytest.warns(RuntimeWarning, match="troubled: signs contradict"):
        row = lr.Tracker([Troubled(), *probes], every=1)(network())
    assert row["status"] == "troubled: signs contradict one another."
    assert row["lines/regions"] > 1


def test_scalars_go_to_the_log(probes):
    logged = []
    tracker = lr.Tracker(probes, every=2, log=lambda scalars, step: logged.append((step, scalars)))
    for _ in range(4):
        tracker(network())
    assert [step for step, _ in logged] == [0, 2]
    assert set(logged[0][1]) == {column for column in tracker.columns if "/" in column}
    assert all(type(value) is float for value in logged[0][1].values())


def test_a_stopped_training_goes_on(probes, tmp_path):
    whole = lr.Tracker(probes, every=4)
    train(module(), 30, whole)

    model, first = module(), lr.Tracker(probes, every=4)
    optimizer = train(model, 14, first)
    torch.save({"model": model.state_dict(), "tracker": first.state_dict()}, tmp_path / "checkpoint.pt")
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)

    again = lr.default_probes(examples(), rng=0, lines=4, points=10)
    second = lr.Tracker(again, every=4)
    second.load_state_dict(kept["tracker"])
    assert second.measuring_seconds == first.measuring_seconds
    train(model, 30, second, first=14, optimizer=optimizer)
    assert json.dumps(second.rows) == json.dumps(whole.rows)
    assert [row["step"] for row in second.rows] == [0, 4, 8, 12, 16, 20, 24, 28]


def test_the_state_is_a_copy_made_of_plain_types(probes):
    tracker = lr.Tracker(probes, every=1)
    tracker(network())
    state = tracker.state_dict()
    assert json.loads(json.dumps(state))["rows"][0]["lines/regions"] == tracker.rows[0]["lines/regions"]
    tracker(network())
    assert len(state["rows"]) == 1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format": "other"}, "`state` is no state of a tracker"),
        ({"rows": 3}, "`state` is no state of a tracker"),
        ({"probes": {"mine": "?"}}, "`state` has another probe 'mine'"),
        ({"probes": {}}, "`state` has another probe 'mine'"),
        (
            {"next_step": 7},
            r"`state` is not what `state_dict` returned \(its checksum differs\), but Tracker.load_state",
        ),
        ({"rows": [{"step": b"3"}]}, r"`state` is not what `state_dict` returned \(its checksum differs\)"),
        ({"checksun": "0"}, r"`state` is not what `state_dict` returned \(its checksum differs\)"),
    ],
)
def test_foreign_states_are_refused(change, match):
    tracker = lr.Tracker([Constant()])
    with pytest.raises(InvalidValueError, match=match):
        tracker.load_state_dict({**tracker.state_dict(), **change})


def test_states_of_earlier_versions_have_no_checksum():
    tracker = lr.Tracker([Constant()])
    state = tracker.state_dict()
    del state["checksum"]
    tracker.load_state_dict({**state, "next_step": 7})
    assert tracker.state_dict()["next_step"] == 7


def test_a_state_of_other_points_is_refused(probes):
    state = lr.Tracker(probes).state_dict()
    moved = [probes[0], lr.DistanceProbe(probes[1].points + 1e-12)]
    with pytest.raises(InvalidValueError, match="another probe 'distance'"):
        lr.Tracker(moved).load_state_dict(state)


def test_steps_do_not_go_back_but_by_rewinding():
    tracker = lr.Tracker([Constant()], every=2)
    for step in range(9):
        tracker(network(), step=step)
    assert tracker(network(), step=8, force=True) is None  # the same once more is no second record
    with pytest.raises(InvalidValueError, match="`step` is 0 after 8, but Tracker needs steps of the whole training"):
        tracker(network(), step=0)
    tracker.rewind(5)
    for step in range(5, 9):
        tracker(network(), step=step)
    assert [row["step"] for row in tracker.rows] == [0, 2, 4, 6, 8]


def test_the_table_is_written_and_read_again(probes, tmp_path):
    tracker = lr.Tracker(probes, every=1, steps_per_epoch=2)
    for seed in range(3):
        tracker(network(seed))
    tracker.to_csv(tmp_path / "new" / "table.csv")
    header, *lines = (tmp_path / "new" / "table.csv").read_text().splitlines()
    assert header.split(",") == tracker.columns
    for line, row in zip(lines, tracker.rows, strict=True):
        for text, (key, value) in zip(line.split(","), row.items(), strict=True):
            assert text == value if key == "status" else float(text) == value
    with pytest.raises(InvalidValueError, match="`rows` is empty"):
        lr.Tracker(probes).to_csv(tmp_path / "none.csv")


def test_default_probes_are_chosen_from_the_data():
    x = np.zeros((50, 2, 2), dtype=np.uint8)
    x[:10, 0, 0] = 1 + np.arange(10)
    lines, distance = lr.default_probes(x, rng=3, lines=5, points=30)
    assert len(lines.lines) == 5
    assert all(np.any(line.direction) and not np.any(line.origin) for line in lines.lines)
    assert distance.points.shape == (30, 4)
    same, _ = lr.default_probes(torch.tensor(x), rng=np.random.default_rng(3), lines=5, points=30)
    for one, other in zip(lines.lines, same.lines, strict=True):
        assert np.array_equal(one.direction, other.direction)
    assert not distance.points.flags.writeable


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: lr.Tracker([]), InvalidValueError, "`probes` is empty"),
        (lambda: lr.Tracker(["lines"]), InvalidTypeError, r"`probes\[0\]` is str"),
        (lambda: lr.Tracker([Constant(), Constant()]), InvalidValueError, "`probes` has 2 named 'mine'"),
        (lambda: lr.Tracker([Constant()], 0), InvalidValueError, "`every` is 0"),
        (lambda: lr.Tracker([Constant()], "epoch"), InvalidValueError, "`every` is 'epoch'"),
        (lambda: lr.Tracker([Constant()], -0.5), InvalidValueError, "`every` is -0.5"),
        (lambda: lr.Tracker([Constant()], budget=1.0), InvalidValueError, "`budget` is 1, but"),
        (lambda: lr.Tracker([Constant()], steps_per_epoch=0), InvalidValueError, "`steps_per_epoch` is 0"),
        (lambda: lr.Tracker([Constant()], log=3), InvalidTypeError, "`log` is int"),
        (lambda: lr.Tracker([Constant()], 1.0)(network()), InvalidValueError, "`epoch` is not given"),
        (lambda: lr.Tracker([Constant()])(network(), step=1.5), InvalidTypeError, "`step` is 1.5"),
        (lambda: lr.Tracker([Constant()])(network(), epoch="1"), InvalidTypeError, "`epoch` has dtype"),
        (lambda: lr.Tracker([Constant(value=[1])])(network()), InvalidTypeError, "'mine', whose 'value' is list"),
        (lambda: lr.LineProbe([]), InvalidValueError, "`lines` is empty"),
        (lambda: lr.LineProbe([[1.0]]), InvalidTypeError, r"`lines\[0\]` is list"),
        (lambda: lr.LineProbe([lr.Line([0.0], [1.0])], "both"), InvalidValueError, "`kind` is 'both'"),
        (lambda: lr.LineProbe([lr.Line([0.0], [1.0])], name=1), InvalidTypeError, "`name` is int"),
        (lambda: lr.DistanceProbe(np.zeros((0, 3))), InvalidValueError, r"`points` has shape \(0, 3\)"),
        (lambda: lr.PlaneProbe([0.0]), InvalidTypeError, "`window` is list"),
        (lambda: lr.default_probes(np.zeros(3), 0), InvalidValueError, r"`x` has shape \(3,\)"),
        (lambda: lr.default_probes(np.zeros((3, 3)), 0), InvalidValueError, "`x` is zero in all 3 examples"),
    ],
)
def test_mistakes_are_named(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_importing_the_package_stays_light():
    code = (
        "import sys, linregions as lr; assert 'linregions.tracking' not in sys.modules; assert 'Tracker' in dir(lr); "
        "lr.Tracker([lr.DistanceProbe([[0.0, 1.0]])])(lr.random_network([2, 3, 1], 0)); "
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_convolutional_network_is_followed_in_training():
    """Batch norm in training mode, and a tensor held from an earlier pass: copies are read, in evaluation mode."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).train()
    model.held = model(torch.randn(3, 1, 4, 4))
    followed = lr.Tracker([Constant()], every=1, example_input=torch.zeros(1, 1, 4, 4))
    followed(model)
    assert len(followed.rows) == 1
    assert model.training
