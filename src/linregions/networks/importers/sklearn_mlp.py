"""scikit-learn's multi-layer perceptrons -> Network, checked against their own prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.errors import InvalidTypeError, InvalidValueError, UnsupportedModuleError
from linregions.networks.activations import IDENTITY, RELU
from linregions.networks.network import Network

_WHO = "from_sklearn"
_KINDS = ("MLPClassifier", "MLPRegressor")
_ACTIVATIONS = {"relu": RELU, "identity": IDENTITY}


def is_sklearn_mlp(value: Any) -> bool:
    """Tell whether a value is a perceptron of scikit-learn, or of a class derived from one, without importing it."""
    return any(
        kind.__name__ in _KINDS and kind.__module__.partition(".")[0] == "sklearn" for kind in type(value).__mro__
    )


def from_sklearn(estimator: Any) -> Network:
    """Convert a fitted multi-layer perceptron of scikit-learn to a Network.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted, with the activation ``"relu"`` or ``"identity"``. It is not changed.

    Returns
    -------
    Network
        With the estimator's weights, in float64. A regressor's outputs are its predictions (with the Poisson loss their
        logarithms); a classifier's are what its softmax or logistic function is applied to, in the order of
        ``estimator.classes_``: one output for two classes, positive for the second of them.

    Raises
    ------
    InvalidTypeError
        If it is no such estimator.
    InvalidValueError
        If it is not fitted, or the network does not reproduce its predictions.
    UnsupportedModuleError
        If its activation is ``"logistic"`` or ``"tanh"``, which are not piecewise linear.

    Notes
    -----
    scikit-learn is needed only to make the estimator. The network is compared with ``predict`` of the estimator at 16
    fixed points. What stands before it in a pipeline, such as a ``StandardScaler``, is not part of the network: give
    points as they come out of it.

    Examples
    --------
    >>> import numpy as np
    >>> import linregions as lr
    >>> from sklearn.neural_network import MLPRegressor
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> lr.from_sklearn(MLPRegressor(hidden_layer_sizes=(8,), random_state=0, max_iter=2000).fit(x, x[:, 0] ** 2))
    Network(1 -> 8 -> 1, 8 neurons, activation relu)
    """
    if not is_sklearn_mlp(estimator):
        raise InvalidTypeError(
            f"`estimator` is {type(estimator).__name__}, but {_WHO} needs an MLPClassifier or MLPRegressor of "
            "scikit-learn. Of a pipeline give its last step, e.g. `pipeline[-1]`."
        )
    kind = type(estimator).__name__
    activation = _ACTIVATIONS.get(estimator.activation)
    if activation is None:
        raise UnsupportedModuleError(
            f"`estimator` is {kind} with the activation {estimator.activation!r}, which is not piecewise linear, but "
            f"{_WHO} needs 'relu' or 'identity'. Fit it with `activation='relu'`."
        )
    if not hasattr(estimator, "coefs_"):
        raise InvalidValueError(
            f"`estimator` is {kind} without `coefs_`, but {_WHO} needs its weights. Call `fit` first."
        )
    pairs = [(weight.T, bias) for weight, bias in zip(estimator.coefs_, estimator.intercepts_, strict=True)]
    network = Network.from_layers(pairs, activation)
    _check_predictions(estimator, network)
    return network


def _check_predictions(estimator: Any, network: Network) -> None:
    """Compare with the estimator's own predictions, away from where two of them tie."""
    points = np.random.default_rng(0).normal(size=(16, network.n_in))
    points[8:] *= 10.0
    outputs = network(points)
    size = 1.0 + float(np.abs(outputs).max())
    theirs = np.asarray(_predicted(estimator, points))
    if hasattr(estimator, "classes_"):
        ours, clear = _classes(estimator, outputs, 1e-6 * size)
        wrong = (theirs.reshape(ours.shape) != ours) & clear
    else:  # it computes in float32 if it was fitted so
        if estimator.out_activation_ == "exp":  # of the Poisson loss
            theirs = np.log(theirs)
        wrong = ~(np.abs(theirs.reshape(outputs.shape) - outputs) <= 1e-4 * size)
    if wrong.any():
        raise InvalidValueError(
            f"`estimator` predicts otherwise than its layers at {int(wrong.sum())} of {wrong.size} points, but {_WHO} "
            "needs them to agree. Give an estimator whose `coefs_` and `predict` belong together."
        )


def _predicted(estimator: Any, points: FloatArray) -> Any:
    # Points without names of features, so that an estimator fitted on a data frame would warn.
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.predict(points.astype(estimator.coefs_[0].dtype))


def _classes(estimator: Any, outputs: FloatArray, margin: float) -> tuple[Any, Any]:
    """Return the classes that outputs stand for, and where these are clear."""
    names = np.asarray(estimator.classes_)
    if estimator.out_activation_ == "softmax":
        first, second = np.sort(outputs, axis=1)[:, :-3:-1].T
        return names[np.argmax(outputs, axis=1)], first - second > margin
    if outputs.shape[1] == 1:
        return names[(outputs[:, 0] > 0).astype(int)], np.abs(outputs[:, 0]) > margin
    return (outputs > 0).astype(int), np.abs(outputs) > margin  # several labels at once
