"""
A smooth activation, by pieces
==============================

A network with GELU has no regions. With more and more pieces in place of GELU it has more and more, and its output
settles.
"""

import matplotlib.pyplot as plt
import torch

import linregions as lr

torch.manual_seed(0)
module = torch.nn.Sequential(
    torch.nn.Linear(2, 8), torch.nn.GELU(), torch.nn.Linear(8, 8), torch.nn.GELU(), torch.nn.Linear(8, 1)
).eval()
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for ax, pieces in zip(axes, (4, 8, 32), strict=True):
    surrogate = lr.approximate(module, activation="gelu", pieces=pieces, low=-6, high=6)
    part = lr.partition(surrogate.network, lr.PlaneWindow.of_inputs(-6, 6))
    part.plot(ax, title=f"{pieces} pieces: {part.n_regions} regions")
    print(f"{pieces} pieces: each GELU is within {surrogate.activations[0].error:.4f}")
