"""How many regions are left of a network when noise is added to its weights and biases."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.validation import as_generator, as_integer
from linregions.networks.constructions import perturbed
from linregions.networks.importers import as_network
from linregions.networks.network import Network
from linregions.regions.partition import Domain, count_regions


def perturbed_counts(
    network: Network, domain: Domain, sd: float, draws: int, rng: np.random.Generator | int, *, kind: str = "activation"
) -> npt.NDArray[np.int64]:
    """Count the regions of a network in a domain after each of many draws of normal noise.

    Parameters
    ----------
    network : Network
    domain : Segment, Ray, Line, Path or PlaneWindow
    sd : float
        Standard deviation of the noise on every weight and bias, at least 0.
    draws : int
        How many times noise is drawn, at least 1.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed.
    kind : {"activation", "linear", "gradient"}
        Which regions are counted, as in `count_regions`.

    Returns
    -------
    ndarray of int64, shape (draws,)
        The count of draw k is that of the k-th network that `constructions.perturbed` makes with the same generator.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    References
    ----------
    Hanin & Rolnick (2019), figure 3.

    Examples
    --------
    >>> import linregions as lr
    >>> counts = perturbed_counts(lr.sawtooth_network(6), lr.Segment([0.0], [1.0]), 0.1, 20, 0)
    >>> len(counts), bool(counts.mean() < 100)  # 128 without noise
    (20, True)
    """
    generator = as_generator(rng, "rng", "perturbed_counts")
    network = as_network(network, "network", "perturbed_counts")
    counts = np.empty(as_integer(draws, "draws", "perturbed_counts", 1), dtype=np.int64)
    for k in range(len(counts)):
        counts[k] = count_regions(perturbed(network, sd, generator), domain, kind)
    return counts
