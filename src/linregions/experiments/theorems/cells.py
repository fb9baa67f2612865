"""The cells of the theorems' check: each draws networks of one law and measures what one statement is about."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from linregions._support.estimates import Estimate
from linregions.domains.solids import Box
from linregions.domains.windows import PlaneWindow, Segment
from linregions.errors import FewPointsWarning
from linregions.experiments.counting import Counting
from linregions.experiments.place import Place
from linregions.experiments.sweeps.cells import OfFields, Result, seed_for
from linregions.experiments.theorems.cases import Domain, Law, curve, legs, length
from linregions.measures.density import boundary_density
from linregions.measures.distances.distance import boundary_distance
from linregions.theory import relu_moments
from linregions.theory.boundary_volume import expected_boundary_volume, measured_boundary_volume
from linregions.theory.neuron_statistics import gradient_moments, layer_means, neuron_statistics
from linregions.theory.tube import tube_volume


@dataclass(frozen=True)
class _OfLaw(OfFields):
    """What cells of one law share."""

    law: Law
    networks: int  # how many are drawn
    seed: int  # of the whole experiment

    def __str__(self) -> str:
        return f"{type(self).__name__}, {self.law.activation} {list(self.law.widths)}"

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a generator for one purpose."""
        drawn = {key: value for key, value in self.settings.items() if key != "certify"}  # the same networks either way
        return np.random.default_rng(seed_for(type(self).__name__, drawn, purpose))


def with_stderr(name: str, estimate: Estimate, factor: float = 1.0) -> dict[str, float]:
    """Return the columns of an estimate."""
    scaled = estimate.scaled(factor)
    return {name: scaled.value, f"{name}_stderr": scaled.stderr}


@dataclass(frozen=True)
class BothSides(_OfLaw):
    """Both sides of Theorem 3 or 6."""

    domain: Domain = Domain("box", -1.0, 1.0)  # noqa: RUF009 - frozen
    k: int = 1
    points: int = 64  # at which the right side is evaluated for each network

    def compute(self, place: Place) -> Result:
        """Return the measured and the predicted mean volume over that of the domain."""
        law, domain = self.law.make(), self.domain.make(self.law.n_in)
        factor = 1.0 / self.domain.volume(self.law.n_in)
        left = measured_boundary_volume(law, domain, self.k, rng=self.rng("left"), n_networks=self.networks)
        right = expected_boundary_volume(
            law, domain, self.k, rng=self.rng("right"), n_networks=self.networks, n_points=self.points
        )
        return with_stderr("measured", left, factor) | with_stderr("predicted", right, factor)


@dataclass(frozen=True)
class OnCurve(_OfLaw):
    """Regions along a curve (Theorem 1)."""

    kind: str = "interval"  # {"interval", "segment", "polygon", "circle"}
    points: int = 32  # as in `BothSides`
    certify: bool = False

    def compute(self, place: Place) -> Result:
        """Return the mean number of linear regions less one, and what Theorem 6 predicts, per unit of length."""
        path = curve(self.kind, self.law.n_in)
        law, rng, counting = self.law.make(), self.rng("networks"), Counting(self.certify)
        counts = [counting.counts(law.sample(rng), path, ["linear"])[0] - 1 for _ in range(self.networks)]
        pieces, whole = legs(path), length(path)
        # The law of the networks does not change under rotations, so all legs of a circle are alike.
        alike = len(pieces) if self.kind == "circle" else 1
        chosen = pieces[:1] if alike > 1 else pieces
        # With narrow biases few networks have a switch on a short leg, and those have large terms.
        per_leg = self.networks * (8 if self.law.scale < 0.01 else 1)
        with warnings.catch_warnings():
            # It is short legs and dead networks, not missed spikes, that leave few points here.
            warnings.simplefilter("ignore", FewPointsWarning)
            right = [
                expected_boundary_volume(
                    law, leg, 1, rng=self.rng(f"leg {k}"), n_networks=per_leg, n_points=self.points
                )
                for k, leg in enumerate(chosen)
            ]
        error = float(np.hypot.reduce([one.stderr for one in right]))
        predicted = Estimate(sum(one.value for one in right), error, per_leg)
        measured = Estimate.from_samples(np.array(counts, dtype=float))
        both = with_stderr("measured", measured, 1 / whole) | with_stderr("predicted", predicted, alike / whole)
        return both | counting.told()


@dataclass(frozen=True)
class Counts(_OfLaw):
    """Activation regions in a box of one to five inputs, against (#neurons)^n_in / n_in! (Hanin & Rolnick 2019b)."""

    domain: Domain = Domain("box", -3.0, 3.0)  # noqa: RUF009 - frozen
    certify: bool = False  # of one and two inputs

    def compute(self, place: Place) -> Result:
        """Return the mean number of regions."""
        law, rng = self.law.make(), self.rng("networks")
        box = Box(np.full(self.law.n_in, self.domain.low), np.full(self.law.n_in, self.domain.high))
        counting = Counting(self.certify)
        found = [counting.counts(law.sample(rng), _as_flat(box), ("activation",)) for _ in range(self.networks)]
        return with_stderr("regions", Estimate.from_samples(np.array(found, dtype=float)[:, 0])) | counting.told()


def _as_flat(box: Box) -> Segment | PlaneWindow | Box:
    """Return a box of one or two inputs as what the engines of lines and planes take."""
    if box.n_in == 1:
        return Segment(box.low, box.high)
    return PlaneWindow.of_inputs(box.low, box.high) if box.n_in == 2 else box


@dataclass(frozen=True)
class InCube(_OfLaw):
    """Volume density and mean distance in [0, 1]^n_in (Theorem 2, Corollaries 5 and 8)."""

    points: int = 100  # uniform points for distances in each network, and, beyond two inputs, chords for the density

    def compute(self, place: Place) -> Result:
        """Return mean density of B_N, mean distance, and the largest mean norm of a gradient in the cube."""
        law, rng, n = self.law.make(), self.rng("networks"), self.law.n_in
        densities, distances = [], []
        for _ in range(self.networks):
            network = law.sample(rng)
            densities.append(boundary_density(network, 0.0, 1.0, rng=rng, n_chords=self.points).value)
            distances.append(boundary_distance(network, rng.uniform(size=(self.points, n))).mean())
        (gradient,) = gradient_moments(law, _inputs(self.law, 0.0, 1.0), [1], self.rng("gradients"), networks=4000)
        return (
            with_stderr("density", Estimate.from_samples(np.array(densities)))
            | with_stderr("distance", Estimate.from_samples(np.array(distances)))
            | with_stderr("mean_gradient", gradient)
        )


def _inputs(law: Law, low: float, high: float) -> npt.NDArray[np.float64]:
    """Return inputs among which gradients are largest, nearly: one where all are alike, else some on a diagonal."""
    if law.symmetric:
        return np.full((1, law.n_in), high)
    return np.linspace(low, high, 5)[:, None] * np.ones(law.n_in)


@dataclass(frozen=True)
class Gradients(_OfLaw):
    """Largest mean powers of gradients: the constant C_grad."""

    orders: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0)
    # The inputs are on the diagonal of this box; one is enough where the law of gradients is the same everywhere.
    low: float = -1.0
    high: float = 1.0

    def compute(self, place: Place) -> Result:
        """Return each moment."""
        inputs = _inputs(self.law, self.low, self.high)
        found = gradient_moments(self.law.make(), inputs, self.orders, self.rng("networks"), networks=self.networks)
        return {"value": [one.value for one in found], "stderr": [one.stderr for one in found]}


@dataclass(frozen=True)
class Facts(_OfLaw):
    """Equations (31) to (34) of appendix D, for ReLU with normal weights and symmetric biases."""

    def compute(self, place: Place) -> Result:
        """Return for every equation and hidden layer what was measured, the exact value and that in print."""
        law, depth = self.law.make(), len(self.law.hidden)
        x = np.linspace(0.3, 1.0, self.law.n_in)
        seen = neuron_statistics(law, x, self.rng("networks"), self.networks)
        inverse = np.array([1.0 / width for width in self.law.hidden])
        with np.errstate(divide="ignore"):
            logs = np.where(seen.alive, np.log(law.n_in * seen.derivatives**2), np.nan)
        size, variances = float(x @ x) / law.n_in, np.array(law.bias_variances)
        second = relu_moments.relu_pre_activation_moments(law, x)
        union = np.full(depth, 1 - np.sum(0.5 ** np.array(law.hidden_widths)))
        found = {
            31: (seen.good, relu_moments.relu_good_probabilities(law), union),
            32: (seen.pre_activations**2 / 2, second / 2, size + np.cumsum(variances)),
            33: (seen.gradient_norms**2, relu_moments.relu_gradient_moments(law)[0], np.full(depth, 2.0)),
            34: (logs, relu_moments.relu_mean_log_derivative(law), -2.5 * np.cumsum(inverse)),
        }
        rows = []
        for equation, (samples, exact, printed) in found.items():
            for layer, estimate in enumerate(layer_means(law, samples)):
                entry = {"equation": equation, "layer": layer + 1, **with_stderr("measured", estimate)}
                rows.append(entry | {"exact": float(exact[layer]), "printed": float(printed[layer])})
        return {"rows": rows}


@dataclass(frozen=True)
class Tubes(_OfLaw):
    """Lemma 12 around the boundaries of networks with two inputs."""

    radii: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    samples: int = 20_000  # random points for each area
    certify: bool = False

    def compute(self, place: Place) -> Result:
        """Return area and bound of every tube, for activation and for linear boundaries."""
        law, rng, counting = self.law.make(), self.rng("networks"), Counting(self.certify)
        rows = []
        kinds: tuple[Literal["activation", "linear"], ...] = ("activation", "linear")
        for number in range(self.networks):
            part = counting.partition(law.sample(rng), PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0]))
            for kind, radius in itertools.product(kinds, self.radii):
                area, bound = tube_volume(part, radius, rng, kind=kind, samples=self.samples)
                entry = {"network": number, "kind": kind, "radius": radius}
                rows.append(entry | with_stderr("area", area) | {"bound": bound})
        return {"rows": rows} | counting.told()
