"""
A convolutional network with max pooling
========================================

From PyTorch, as it comes. A window of the pooling is one neuron, whose piece is the number of its winner.
"""

import torch

import linregions as lr

torch.manual_seed(0)
module = torch.nn.Sequential(
    torch.nn.Conv2d(1, 4, 5, stride=2),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(4, 8, 3),
    torch.nn.ReLU(),
    torch.nn.Flatten(),
    torch.nn.Linear(128, 10),
).eval()
network = lr.from_torch(module, torch.zeros(1, 1, 28, 28))
print(network)

mnist = lr.load_dataset("mnist")
x0, x1, x2 = (mnist.x_train[mnist.y_train == label][0] for label in (0, 1, 2))
part = lr.partition(network, lr.PlaneWindow.through(x0, x1, x2, scale=0.3))
part.plot(title=f"{part.n_regions:,} regions")
