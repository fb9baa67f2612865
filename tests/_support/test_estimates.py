import math

import numpy as np
import pytest

from linregions import Estimate
from linregions._support.estimates import seed_of
from linregions.errors import InvalidValueError


def test_mean_and_standard_error_of_samples():
    rng = np.random.default_rng(7)
    samples = rng.normal(size=400)
    found = Estimate.from_samples(samples, rng)
    assert found.value == pytest.approx(samples.mean())
    assert found.stderr == pytest.approx(samples.std(ddof=1) / 20)
    assert (found.n, found.seed) == (400, 7)


def test_coverage_of_the_standard_error():
    rng = np.random.default_rng(0)
    scores = [Estimate.from_samples(rng.exponential(size=200)).z_score(1.0) for _ in range(500)]
    assert 0.9 < np.std(scores) < 1.15


def test_one_sample_has_no_error():
    assert math.isnan(Estimate.from_samples([2.0]).stderr)
    assert str(Estimate.from_samples([2.0])) == "2 (n = 1)"


def test_z_score_of_two_estimates_and_of_exact_numbers():
    one, other = Estimate(1.0, 0.3, 10), Estimate(2.0, 0.4, 10)
    assert one.z_score(other) == pytest.approx(-2.0)
    assert Estimate(1.0, 0.0, 3).z_score(1.0) == 0.0
    assert Estimate(1.0, 0.0, 3).z_score(0.5) == math.inf


def test_scaled():
    assert Estimate(2.0, 0.5, 3, 1).scaled(-2.0) == Estimate(-4.0, 1.0, 3, 1)


def test_text_shows_as_many_digits_as_the_error_has():
    assert str(Estimate(12.3456, 0.0312, 1000)) == "12.3456 ± 0.0312 (n = 1,000)"
    assert str(Estimate(12345.6, 31.2, 10)) == "12345.6 ± 31.2 (n = 10)"


def test_seed_is_that_of_the_generator_if_it_has_one():
    assert seed_of(np.random.default_rng(5)) == 5
    assert seed_of(np.random.default_rng(5).spawn(1)[0]) is None
    assert seed_of(None) is None


@pytest.mark.parametrize(("samples", "message"), [([], "`samples` is empty"), ([1.0, np.nan], "NaN")])
def test_bad_samples(samples, message):
    with pytest.raises(InvalidValueError, match=message):
        Estimate.from_samples(samples)
