"""The Lightning callback: made when asked for, with a stand-in for the package and, where it is there, with itself."""

import importlib.util
import sys
import types

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError, MissingDependencyError
from linregions.integrations import lightning as integration

torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.fixture
def stand_in(monkeypatch):
    """Put a package with only a base class for callbacks in the place of Lightning."""

    class Callback:
        pass

    package, callbacks = types.ModuleType("lightning.pytorch"), types.ModuleType("lightning.pytorch.callbacks")
    callbacks.Callback = Callback
    monkeypatch.setitem(sys.modules, "lightning", types.ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", package)
    monkeypatch.setitem(sys.modules, "lightning.pytorch.callbacks", callbacks)
    integration._callback_class.cache_clear()
    yield Callback
    integration._callback_class.cache_clear()


class Logger:
    def __init__(self):
        self.seen = []

    def log_metrics(self, metrics, step):
        self.seen.append((step, metrics))


def trainer(batches=4, zero=True):
    return types.SimpleNamespace(
        global_step=0, current_epoch=0, num_training_batches=batches, is_global_zero=zero, loggers=[Logger(), Logger()]
    )


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Module()
        self.inner.net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))

    def forward(self, x):
        return self.inner.net(x)


def new_tracker(**settings):
    x = np.random.default_rng(0).normal(size=(20, 3))
    return lr.Tracker(lr.default_probes(x, rng=0, lines=3, points=10), **settings)


def fit(callback, at, epochs=2):
    model = Model()
    callback.on_train_start(at, model)
    for at.current_epoch in range(epochs):
        for batch in range(4):
            at.global_step += 1
            callback.on_train_batch_end(at, model, None, None, batch)
    callback.on_train_end(at, model)


def test_the_class_is_made_from_lightnings(stand_in):
    made = integration.TrackerCallback
    assert issubclass(made, stand_in)
    assert made is integration.TrackerCallback
    assert made.__name__ == "TrackerCallback"
    with pytest.raises(AttributeError, match="has no attribute 'Other'"):
        _ = integration.Other


def test_it_measures_before_during_and_after(stand_in):
    tracker, at = new_tracker(every=3), trainer()
    fit(integration.TrackerCallback(tracker, "inner.net"), at)
    assert [(row["step"], row["epoch"]) for row in tracker.rows] == [(0, 0.0), (3, 0.75), (6, 1.5), (8, 2.0)]
    for logger in at.loggers:
        assert [step for step, _ in logger.seen] == [0, 3, 6, 8]
        assert logger.seen[1][1]["lines/regions"] == tracker.rows[1]["lines/regions"]
        assert "status" not in logger.seen[1][1]


def test_the_part_may_be_a_function_and_the_loader_without_length(stand_in):
    tracker = new_tracker(every=1.0)
    fit(integration.TrackerCallback(tracker, lambda model: model.inner.net), trainer(float("inf")))
    assert [(row["step"], row["epoch"]) for row in tracker.rows] == [(0, 0.0), (5, 1.0), (8, 1.0)]


def test_only_the_first_process_measures(stand_in):
    tracker = new_tracker(every=1)
    fit(integration.TrackerCallback(tracker, "inner.net"), trainer(zero=False))
    assert tracker.rows == []


def test_checkpoints_carry_the_table(stand_in):
    first, second = (integration.TrackerCallback(new_tracker(every=3), "inner.net") for _ in range(2))
    fit(first, trainer())
    second.load_state_dict(first.state_dict())
    assert second.tracker.rows == first.tracker.rows


def test_mistakes_are_named(stand_in):
    with pytest.raises(InvalidTypeError, match="`tracker` is list, but TrackerCallback needs"):
        integration.TrackerCallback([])
    with pytest.raises(InvalidTypeError, match="`module` is int, but TrackerCallback needs"):
        integration.TrackerCallback(new_tracker(), 3)
    with pytest.raises(InvalidValueError, match="`module` is 'net', which Model does not have"):
        fit(integration.TrackerCallback(new_tracker(), "net"), trainer())


def test_without_lightning_the_extra_is_named(monkeypatch):
    for name in ("lightning", "lightning.pytorch", "lightning.pytorch.callbacks"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("pytorch_lightning", "pytorch_lightning.callbacks"):
        monkeypatch.setitem(sys.modules, name, None)
    integration._callback_class.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"`lightning` cannot be imported .*linregions\[lightning\]"):
        from linregions.integrations.lightning import TrackerCallback  # noqa: F401


@pytest.mark.skipif(importlib.util.find_spec("lightning") is None, reason="lightning is not installed")
@pytest.mark.slow
def test_a_real_training(tmp_path):
    import lightning

    from linregions.integrations.lightning import TrackerCallback

    class Real(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2))

        def training_step(self, batch, index):
            return self.net(batch[0]).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=1e-2)

    def run(epochs, tracker, checkpoint=None):
        logger = lightning.pytorch.loggers.CSVLogger(tmp_path)
        fitter = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=logger,
            callbacks=[TrackerCallback(tracker, "net")],
            enable_progress_bar=False,
            enable_model_summary=False,
            log_every_n_steps=1,
            default_root_dir=tmp_path,
        )
        x = torch.utils.data.TensorDataset(torch.randn(40, 3, generator=torch.Generator().manual_seed(0)))
        loader = torch.utils.data.DataLoader(x, batch_size=10)
        lightning.seed_everything(0, verbose=False)
        fitter.fit(Real(), loader, ckpt_path=checkpoint)
        fitter.save_checkpoint(tmp_path / "last.ckpt", weights_only=False)
        return fitter

    tracker = new_tracker(every=3)
    run(2, tracker)
    assert [(row["step"], row["epoch"]) for row in tracker.rows] == [(0, 0.0), (3, 0.75), (6, 1.5), (8, 2.0)]
    table = next(tmp_path.glob("**/metrics.csv")).read_text()
    assert "lines/regions" in table.splitlines()[0]

    again = new_tracker(every=3)
    run(3, again, tmp_path / "last.ckpt")
    assert [row["step"] for row in again.rows] == [0, 3, 6, 8, 9, 12]
    assert again.rows[:4] == tracker.rows
