"""Networks built by hand, and what noise makes of them."""

from __future__ import annotations

import numpy as np

from linregions._validation import as_float_array, as_generator, as_integer
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.network import Network


def sawtooth_network(n: int) -> Network:
    """Build Telgarsky's sawtooth: 2^n teeth on [0, 1] from exactly 3 n + 4 neurons.

    Parameters
    ----------
    n : int
        Base-two logarithm of the number of teeth, at least 0.

    Returns
    -------
    Network
        One input, one output, and hidden ReLU layers of widths 2, 1, 2, 1, ..., 2, 1, 1. Every weight and bias
        is 0, 1, 2, -4 or -1/2, so that all are exact in float64.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If `n` is no integer of at least 0.

    Notes
    -----
    The tent map ``m(x) = relu(2 relu(x) - 4 relu(x - 1/2))`` takes three units: it rises from 0 to 1 on [0, 1/2],
    falls to 0 on [1/2, 1], and is 0 elsewhere. Composed n + 1 times it has 2^n teeth, each with one rising and one
    falling piece, on 3 n + 3 units. The unit still missing in the paper's 3 n + 4 is the output: as in Telgarsky's
    networks it is a node, so it is a ReLU here, which changes nothing as its input is never negative. A step
    with weight 1 reads it out, since a `Network` ends without activation; that step is no neuron.

    There are 2^(n + 1) regions on [0, 1], of either kind, and two more outside, where the network is 0. No count
    can be exact in float64 beyond n = 50, where breakpoints come closer to each other than numbers near 1.

    References
    ----------
    Hanin & Rolnick (2019), figure 3; Telgarsky (2015), Representation benefits of deep feedforward networks.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.sawtooth_network(3)
    >>> net.n_neurons, lr.count_regions(net, lr.Segment([0.0], [1.0]))
    (13, 16)
    >>> net([[0.0], [1 / 16], [1 / 8], [3 / 16]]).ravel()
    array([0., 1., 0., 1.])
    """
    tent = [([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])]
    output = ([[1.0]], [0.0])
    return Network.from_layers([*tent * (as_integer(n, "n", "sawtooth_network", 0) + 1), output, output])


def perturbed(network: Network, sd: float, rng: np.random.Generator | int) -> Network:
    """Return a network with independent normal noise added to every weight and bias.

    Parameters
    ----------
    network : Network
    sd : float
        Standard deviation of the noise, at least 0.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed.

    Returns
    -------
    Network

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If `sd` is negative or no number, or `network` no Network.

    References
    ----------
    Hanin & Rolnick (2019), figure 3, where sd = 0.1.

    Examples
    --------
    >>> import linregions as lr
    >>> noisy = perturbed(lr.sawtooth_network(6), 0.1, 0)
    >>> lr.count_regions(noisy, lr.Segment([0.0], [1.0])) < 128
    True
    """
    who = "perturbed"
    if not isinstance(network, Network):
        raise InvalidTypeError(
            f"`network` is {type(network).__name__}, but {who} needs a linregions.Network. "
            "Convert a PyTorch module with `linregions.from_torch`."
        )
    deviation = float(as_float_array(sd, "sd", who, ndim=0))
    if deviation < 0:
        raise InvalidValueError(
            f"`sd` is {deviation:g}, but {who} needs a number of at least 0. Give the standard deviation of the noise."
        )
    generator = as_generator(rng, "rng", who)
    layers = [
        tuple(array + deviation * generator.normal(size=array.shape) for array in (layer.weight, layer.bias))
        for layer in network.layers
    ]
    return Network.from_layers([(weight, bias) for weight, bias in layers], network.activations)
