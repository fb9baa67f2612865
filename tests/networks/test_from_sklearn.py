"""Multi-layer perceptrons of scikit-learn give networks with the same predictions."""

import warnings

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError, UnsupportedModuleError

neural_network = pytest.importorskip("sklearn.neural_network", reason="scikit-learn is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))


def fitted(kind, y, x=X, hidden=(8, 6), **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not converge
        return getattr(neural_network, kind)(hidden_layer_sizes=hidden, random_state=0, max_iter=60, **options).fit(
            x, y
        )


TARGETS = {
    "one number": ("MLPRegressor", X[:, 0] * X[:, 1]),
    "two numbers": ("MLPRegressor", X[:, :2] ** 2),
    "two classes": ("MLPClassifier", np.where(X[:, 0] > X[:, 1], "yes", "no")),
    "four classes": ("MLPClassifier", (X[:, 0] > 0) * 2 + (X[:, 1] > 0) + 3),
    "three labels": ("MLPClassifier", (X > 0).astype(int)),
}


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_network_predicts_the_same(target, activation):
    kind, y = TARGETS[target]
    estimator = fitted(kind, y, activation=activation)
    net = lr.from_sklearn(estimator)
    x = RNG.normal(size=(500, 3))
    outputs = net(x)
    assert net.widths == (3, 8, 6, outputs.shape[1])
    assert net.n_neurons == (14 if activation == "relu" else 0)
    if kind == "MLPRegressor":
        np.testing.assert_allclose(outputs.reshape(estimator.predict(x).shape), estimator.predict(x), atol=1e-12)
        return
    if target == "three labels":
        np.testing.assert_allclose(1 / (1 + np.exp(-outputs)), estimator.predict_proba(x), atol=1e-12)
    elif target == "two classes":
        np.testing.assert_allclose(1 / (1 + np.exp(-outputs[:, 0])), estimator.predict_proba(x)[:, 1], atol=1e-12)
    else:
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), estimator.predict_proba(x), atol=1e-12)


def test_verbs_take_estimators():
    estimator = fitted(*TARGETS["one number"])
    segment = lr.Segment([-3.0, 0.0, 0.0], [3.0, 1.0, 1.0])
    assert lr.count_regions(estimator, segment) == lr.count_regions(lr.from_sklearn(estimator), segment) > 1


def test_the_poisson_loss_has_logarithms():
    if "loss" not in neural_network.MLPRegressor().get_params():
        pytest.skip("this version of scikit-learn has one loss only")
    estimator = fitted("MLPRegressor", np.exp(X[:, 0]), loss="poisson")
    np.testing.assert_allclose(np.exp(lr.from_sklearn(estimator)(X)[:, 0]), estimator.predict(X), rtol=1e-12)


def test_single_precision_and_no_hidden_layer():
    net = lr.from_sklearn(fitted("MLPRegressor", X[:, 0].astype(np.float32), X.astype(np.float32), hidden=()))
    assert net.widths == (3, 1)


def test_an_estimator_of_ones_own():
    class Mine(neural_network.MLPRegressor):
        pass

    estimator = fitted(*TARGETS["one number"])
    mine = Mine(hidden_layer_sizes=(8, 6))
    mine.__dict__.update(vars(estimator))
    assert lr.from_sklearn(mine).widths == (3, 8, 6, 1)


def test_messages():
    for activation in ("logistic", "tanh"):
        with pytest.raises(UnsupportedModuleError, match=f"activation '{activation}', which is not piecewise"):
            lr.from_sklearn(fitted(*TARGETS["one number"], activation=activation))
    with pytest.raises(InvalidValueError, match=r"is MLPRegressor without `coefs_`, but .* Call `fit` first"):
        lr.from_sklearn(neural_network.MLPRegressor())
    for wrong in (np.eye(2), type("MLPRegressor", (), {"activation": "relu", "coefs_": []})()):
        with pytest.raises(InvalidTypeError, match=r"but from_sklearn needs an MLPClassifier or MLPRegressor"):
            lr.from_sklearn(wrong)
    estimator = fitted(*TARGETS["one number"])
    estimator.out_activation_ = "logistic"  # as if it were not what its layers say
    with pytest.raises(InvalidValueError, match="`estimator` predicts otherwise than its layers at"):
        lr.from_sklearn(estimator)
