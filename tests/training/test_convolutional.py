"""The small CNN and ResNet: networks equal to what torch evaluates, and trained as dense ones are."""

import numpy as np
import pytest

import linregions as lr
from linregions.training import Dataset
from linregions.training.adam import train_model
from linregions.training.convolutional import Convolutional
from linregions.training.trainer import one_thread

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

KINDS = ("cnn", "resnet")


def drawn(kind, image=(1, 9, 8), width=2, seed=0):
    model = Convolutional(kind, width, image, 3)
    rng = np.random.default_rng(seed)
    # Larger biases than at the start, which would hide that one is forgotten.
    return model, [rng.normal(size=array.shape) / 2 for array in model.initial(rng)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("image", [(1, 9, 8), (2, 7, 11)])
def test_the_network_is_what_torch_evaluates(kind, image):
    model, parameters = drawn(kind, image)
    network = model.network(parameters)
    points = np.random.default_rng(1).normal(size=(50, network.n_in))
    expected = model.forward(torch, [torch.tensor(array) for array in parameters], torch.tensor(points))
    np.testing.assert_allclose(network(points), expected.numpy(), rtol=1e-12, atol=1e-12)
    assert network.n_neurons == sum(model.layers)


@pytest.mark.parametrize("kind", KINDS)
def test_both_have_980_neurons_a_width_on_mnist(kind):
    assert [sum(Convolutional(kind, width, (1, 28, 28), 10).layers) for width in (1, 2, 4)] == [980, 1960, 3920]


def test_layers_are_those_of_the_network():
    sizes = {"cnn": (6 * 20, 6 * 4, 10 * 4), "resnet": (4 * 20, *[6 * 6] * 4)}
    for kind, layers in sizes.items():
        model, parameters = drawn(kind)
        assert model.layers == layers
        network = model.network(parameters)
        counts = np.bincount([network.locate_neuron(k)[0] for k in range(network.n_neurons)])
        assert tuple(counts[counts > 0]) == layers


@pytest.mark.parametrize("kind", KINDS)
def test_initialisation_is_the_papers(kind):
    parameters = Convolutional(kind, 40, (1, 28, 28), 10).initial(np.random.default_rng(0))
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        fan_in = np.prod(weight.shape[1:])
        assert weight.var() * fan_in == pytest.approx(2, rel=5 / np.sqrt(weight.size / 2))
        assert 0 < bias.std() < 2e-3


def stripes():
    """Images of horizontal and of vertical stripes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 96)
    waves = np.sin(rng.uniform(0, 6, 96)[:, None] + np.arange(8) * 1.5)
    x = np.where(y[:, None, None] == 0, waves[:, :, None], waves[:, None, :]) + 0.1 * rng.normal(size=(96, 8, 8))
    return Dataset.from_arrays(x, y)


@pytest.mark.parametrize("kind", KINDS)
def test_training_learns_goes_on_and_repeats_itself(kind, tmp_path):
    data, model = stripes(), Convolutional(kind, 1, (1, 8, 8), 2)
    how = {"rng": 3, "batch_size": 16, "learning_rate": 0.01, "progress": False}
    start, middle, end = train_model(model, data, (0.0, 2.0, 20.0), **how)
    assert start.train_loss > middle.train_loss > end.train_loss
    assert end.test_accuracy > 0.9
    with one_thread(torch):
        train_model(model, data, (0.0, 2.0), run_dir=tmp_path, **how)
    again = train_model(model, data, (20.0,), run_dir=tmp_path, **how)[0]  # from the state at epoch 2
    points = np.random.default_rng(1).normal(size=(20, 64))
    np.testing.assert_array_equal(again.network(points), end.network(points))
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith(f"arrays-{kind}-1-")
    kept = lr.Network.load(next(folder.glob("step-*120.npz")))
    np.testing.assert_array_equal(kept(points), end.network(points))
