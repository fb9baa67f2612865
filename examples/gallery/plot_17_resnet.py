"""
A ResNet, between two images and in a plane
===========================================

Skips, batch norm, strides: any module whose output is piecewise linear. Where along the way from one image to another
does which part of it switch?
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import linregions as lr


class Block(nn.Module):
    """Two convolutions and a skip."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.skip = nn.Conv2d(channels, out, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        """Add them."""
        return torch.relu(self.body(x) + self.skip(x))


torch.manual_seed(0)
module = nn.Sequential(
    nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), Block(4, 4, 1), Block(4, 8, 2), nn.Flatten(), nn.Linear(8 * 49, 10)
).eval()
network = lr.from_torch(module, torch.zeros(1, 1, 28, 28))
print(network)

mnist = lr.load_dataset("mnist")
a, b, c = (mnist.x_train[mnist.y_train == label][0] for label in (0, 1, 2))
line = lr.partition(network, lr.Segment(a, b))
steps = np.array([network.locate_neuron(neuron)[0] for neuron in line.neurons])
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
axes[0].hist([line.breakpoints[steps == k] for k in np.unique(steps)], bins=40, stacked=True)
axes[0].legend([f"step {k}" for k in np.unique(steps)])
axes[0].set(title=f"{line.n_regions} regions from a 0 to a 1", xlabel="t", ylabel="breakpoints")

part = lr.partition(network, lr.PlaneWindow.through(a, b, c, scale=0.1))
part.plot(axes[1], title=f"{part.n_regions:,} regions in a plane")
