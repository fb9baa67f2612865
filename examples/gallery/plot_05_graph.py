"""
The graph of a network
======================

Of one input: the exact graph between its breakpoints, each in the colour of the layer whose neuron switches there.
"""

import linregions as lr

network = lr.random_network([1, 12, 12, 1], rng=4, bias_variance=0.3)
part = lr.partition(network, lr.Line([0.0], [1.0]))
print(part.n_regions, "regions, of", network.n_neurons, "neurons")
part.plot(interval=(-4, 4), title="about one region per neuron on the whole line")
