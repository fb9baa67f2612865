"""A number found by sampling, with its standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.shown import Told
from linregions._support.validation import as_float_array
from linregions.errors import InvalidValueError


@dataclass(frozen=True)
class Estimate(Told):
    """A mean over independent samples.

    Parameters
    ----------
    value : float
        The estimate.
    stderr : float
        Its standard error: the standard deviation of the samples over the square root of their number; NaN for one.
    n : int
        How many independent samples there were.
    seed : int or None
        Seed of the generator they came from, None if it was not made from one number.

    Examples
    --------
    >>> from linregions._support.estimates import Estimate
    >>> one = Estimate.from_samples([1.0, 2.0, 3.0])
    >>> print(one)
    2.000 ± 0.577 (n = 3)
    >>> round(one.z_score(Estimate(3.0, 0.0, 1)), 3)
    -1.732
    """

    value: float
    stderr: float
    n: int
    seed: int | None = None

    @classmethod
    def from_samples(cls, samples: npt.ArrayLike, rng: np.random.Generator | None = None) -> Estimate:
        """Return the mean of independent samples, shape (n,).

        Parameters
        ----------
        samples : array_like, shape (n,)
        rng : numpy.random.Generator, optional
            What they came from, whose seed is noted.

        Returns
        -------
        Estimate

        Raises
        ------
        InvalidValueError
            If there is no sample, or one is NaN or infinite.
        """
        found = as_float_array(samples, "samples", "Estimate.from_samples", ndim=1)
        if not found.size:
            raise InvalidValueError(
                "`samples` is empty, but Estimate.from_samples needs at least one number. Draw more samples."
            )
        spread = float(found.std(ddof=1)) if found.size > 1 else math.nan
        return cls(float(found.mean()), spread / math.sqrt(found.size), int(found.size), seed_of(rng))

    def scaled(self, factor: float) -> Estimate:
        """Return `factor` times this estimate."""
        return Estimate(factor * self.value, abs(factor) * self.stderr, self.n, self.seed)

    def z_score(self, other: Estimate | float) -> float:
        """Return the difference to another, independent estimate (or an exact number) in standard errors.

        Equal numbers without any error have the score 0, different ones an infinite score.
        """
        value, stderr = (other.value, other.stderr) if isinstance(other, Estimate) else (float(other), 0.0)
        difference, spread = self.value - value, math.hypot(self.stderr, stderr)
        if spread == 0.0:
            return math.copysign(math.inf, difference) if difference else 0.0
        return difference / spread

    def _facts(self) -> dict[str, Any]:
        return {"estimate": str(self), **({} if self.seed is None else {"seed": self.seed})}

    def __str__(self) -> str:
        if not (math.isfinite(self.stderr) and self.stderr > 0):
            return f"{self.value:g} (n = {self.n:,})"
        digits = max(0, 2 - math.floor(math.log10(self.stderr)))
        if digits > 9 or abs(self.value) >= 1e9:
            return f"{self.value:.6g} ± {self.stderr:.2g} (n = {self.n:,})"
        return f"{self.value:.{digits}f} ± {self.stderr:.{digits}f} (n = {self.n:,})"


def seed_of(rng: np.random.Generator | None) -> int | None:
    """Return the number that a generator was seeded with, None if there is no such number (or it was spawned)."""
    sequence = getattr(getattr(rng, "bit_generator", None), "seed_seq", None)
    entropy = getattr(sequence, "entropy", None)
    if getattr(sequence, "spawn_key", ()) or not isinstance(entropy, int | np.integer):
        return None
    return int(entropy)
