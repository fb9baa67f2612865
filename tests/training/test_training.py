"""Training is the paper's, the same to the last bit every time, and is not done twice."""

import json
import sys

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError, MissingDependencyError, NumericalError
from linregions.training import train
from linregions.training.datasets import Dataset, load_dataset

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def toy():
    """Three noisy blobs in four dimensions, 200 examples for training."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(3, 4)) * 2
    y = rng.integers(0, 3, 260)
    x = centres[y] + 0.3 * rng.normal(size=(260, 4))
    return Dataset("toy", x[:200], y[:200], x[200:], y[200:], (4,))


def weights(snapshots):
    return [layer.weight for snapshot in snapshots for layer in snapshot.network.layers] + [
        layer.bias for snapshot in snapshots for layer in snapshot.network.layers
    ]


def assert_same_bits(one, two):
    for a, b in zip(weights(one), weights(two), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [s.step for s in one] == [s.step for s in two]
    assert [s.test_accuracy for s in one] == [s.test_accuracy for s in two]
    assert [s.train_loss for s in one] == [s.train_loss for s in two]


def toy_run(toy, seed=3, **changes):
    settings = {"epochs": 3, "batch_size": 32, "learning_rate": 1e-2, "progress": False, **changes}
    return train([4, 8, 8, 3], toy, rng=seed, **settings)


def test_a_short_run_on_mnist_learns():
    mnist = load_dataset()
    part = Dataset("part", mnist.pixels_train[:10000], mnist.y_train[:10000], mnist.pixels_test, mnist.y_test, (28, 28))
    first, last = train([784, 32, 32, 10], part, epochs=2, snapshot_epochs=[0, 2], rng=0, progress=False)
    assert first.test_accuracy < 0.3
    assert last.test_accuracy > 0.9
    assert last.train_loss < 0.4 < first.train_loss
    # the accuracy is that of the float64 network, up to ties of rounding
    agreement = np.mean(np.argmax(last.network(mnist.x_test), axis=1) == mnist.y_test)
    assert agreement == pytest.approx(last.test_accuracy, abs=5e-4)


def test_it_starts_from_the_papers_initialisation(toy):
    start = toy_run(toy, seed=np.random.default_rng(5), snapshot_epochs=[0])[0]
    drawn = lr.random_network([4, 8, 8, 3], np.random.default_rng(5))
    for layer, expected in zip(start.network.layers, drawn.layers, strict=True):
        np.testing.assert_array_equal(layer.weight, expected.weight.astype(np.float32))
        np.testing.assert_array_equal(layer.bias, expected.bias.astype(np.float32))


def test_snapshots_come_at_the_moments_asked_for(toy):
    snapshots = toy_run(toy, snapshot_epochs=[0, 0.5, 1, 2.29, 3])
    assert [s.epoch for s in snapshots] == [0, 0.5, 1, 2.29, 3]
    assert [s.step for s in snapshots] == [0, 4, 7, 16, 21]  # seven batches an epoch, the last one of eight examples
    assert [s.step for s in toy_run(toy)] == [0, 7, 14, 21]
    assert [s.epoch for s in toy_run(toy, epochs=1.5)] == [0, 1, 1.5]


def test_one_seed_one_result_on_any_number_of_threads(toy):
    before = torch.get_num_threads()
    random_state = torch.get_rng_state()
    try:
        torch.set_num_threads(1)
        one = toy_run(toy)
        torch.set_num_threads(2)
        two = toy_run(toy)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert_same_bits(one, two)
    assert torch.equal(torch.get_rng_state(), random_state)
    other = toy_run(toy, seed=4)
    assert not np.array_equal(other[-1].network.layers[0].weight, one[-1].network.layers[0].weight)


def test_snapshots_do_not_change_the_training(toy):
    assert_same_bits(toy_run(toy, snapshot_epochs=[3]), toy_run(toy, snapshot_epochs=[0.2, 1, 1.7, 3])[-1:])


def test_the_update_is_adam(toy):
    """The first step of Adam moves every weight by the learning rate against the sign of its gradient."""
    first, second = toy_run(toy, snapshot_epochs=[0, 1 / 7], learning_rate=1e-3)
    assert second.step == 1
    change = second.network.layers[-1].weight - first.network.layers[-1].weight
    np.testing.assert_allclose(np.abs(change[change != 0]), 1e-3, rtol=1e-3)
    assert np.count_nonzero(change) > 10


@pytest.mark.parametrize("activation", [lr.HARD_TANH, lr.ABS, lr.leaky_relu(0.1), lr.HARD_SIGMOID, lr.IDENTITY])
def test_other_activations_train(toy, activation):
    snapshots = toy_run(toy, activation=activation, snapshot_epochs=[0, 3])
    net = snapshots[-1].network
    assert net.activations == (activation, activation)
    assert np.mean(np.argmax(net(toy.x_test), axis=1) == toy.y_test) == snapshots[-1].test_accuracy
    assert snapshots[-1].train_loss < snapshots[0].train_loss


def test_a_finished_run_is_not_trained_again(toy, tmp_path, monkeypatch):
    one = toy_run(toy, run_dir=tmp_path)
    monkeypatch.setattr("linregions.training.trainer.Trainer.run", None)
    assert_same_bits(one, toy_run(toy, run_dir=tmp_path))
    folder = next(tmp_path.iterdir())
    assert folder.name.startswith("toy-4-8-8-3-")
    content = json.loads((folder / "run.json").read_text())
    assert content["settings"]["seed"] == 3
    assert content["versions"]["torch"] == torch.__version__
    assert lr.Network.load(folder / "step-000000007.npz").n_neurons == 16


def test_a_stopped_run_goes_on_with_the_same_bits(toy, tmp_path, monkeypatch):
    whole = toy_run(toy, snapshot_epochs=[0, 1, 1.5, 2, 3])
    toy_run(toy, snapshot_epochs=[0, 1, 1.5], run_dir=tmp_path)
    from linregions.training.trainer import Trainer

    steps = []
    update = Trainer._update
    monkeypatch.setattr(Trainer, "_update", lambda self, rows: (steps.append(self.step), update(self, rows)))
    assert_same_bits(whole, toy_run(toy, snapshot_epochs=[0, 1, 1.5, 2, 3], run_dir=tmp_path))
    assert steps == list(range(10, 21))  # only what was missing
    steps.clear()
    again = toy_run(toy, snapshot_epochs=[0.5, 3], run_dir=tmp_path)  # 0.5 was never kept: from the start
    assert steps == [0, 1, 2, 3]
    assert_same_bits(again[-1:], whole[-1:])


def test_other_settings_are_another_run(toy, tmp_path):
    toy_run(toy, snapshot_epochs=[0], run_dir=tmp_path)
    toy_run(toy, snapshot_epochs=[0], run_dir=tmp_path, seed=4)
    toy_run(toy, snapshot_epochs=[0], run_dir=tmp_path, batch_size=16)
    assert len(list(tmp_path.iterdir())) == 3


def test_damaged_snapshots_are_made_again(toy, tmp_path):
    one = toy_run(toy, run_dir=tmp_path)
    folder = next(tmp_path.iterdir())
    (folder / "step-000000014.npz").write_bytes(b"PK\3\4 cut")
    assert_same_bits(one, toy_run(toy, run_dir=tmp_path))
    (folder / "run.json").write_text("{")
    (folder / "state.npz").write_bytes(b"")
    assert_same_bits(one, toy_run(toy, run_dir=tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"snapshot_epochs": [0, 4]}, r"`snapshot_epochs` are \[0.0, 4.0\], but train needs"),
        ({"snapshot_epochs": []}, r"`snapshot_epochs` are \[\], but train needs at least one moment"),
        ({"epochs": 0}, r"`epochs` is 0, but train needs a positive number"),
        ({"batch_size": 0}, r"`batch_size` is 0, but train needs at least 1"),
        ({"learning_rate": -1.0}, r"`learning_rate` is -1, but train needs a positive number"),
    ],
)
def test_bad_settings(toy, changes, message):
    with pytest.raises(InvalidValueError, match=message):
        toy_run(toy, **changes)


@pytest.mark.parametrize("widths", [[5, 8, 3], [4, 8, 2]])
def test_widths_that_do_not_fit_the_data(toy, widths):
    with pytest.raises(InvalidValueError, match=r"needs 4 inputs first and at least 3 outputs last for toy"):
        train(widths, toy, epochs=1, rng=0)


def test_a_run_folder_needs_a_seed(toy, tmp_path):
    with pytest.raises(InvalidTypeError, match=r"`rng` is a Generator together with `run_dir`"):
        toy_run(toy, seed=np.random.default_rng(0), run_dir=tmp_path)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_explodes(toy):
    with pytest.raises(NumericalError, match=r"`learning_rate` led to a loss of nan after 21 steps"):
        toy_run(toy, learning_rate=1e30, snapshot_epochs=[3])


def test_without_torch(toy, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        MissingDependencyError, match=r"`torch` cannot be imported .* `pip install 'linregions\[torch\]'"
    ):
        toy_run(toy)
