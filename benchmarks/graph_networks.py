"""The convolutional networks that are measured, made here with random weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

Image = tuple[int, ...]


class Block(nn.Module):
    """Two 3 x 3 convolutions and a skip, which has a convolution of its own where the size changes."""

    def __init__(self, before: int, width: int, stride: int, norm: Callable[[int], nn.Module] = nn.Identity) -> None:
        super().__init__()
        first, second = nn.Conv2d(before, width, 3, stride, 1), nn.Conv2d(width, width, 3, 1, 1)
        self.inner = nn.Sequential(first, norm(width), nn.ReLU(), second, norm(width))
        same = stride == 1 and before == width
        self.skip = nn.Identity() if same else nn.Sequential(nn.Conv2d(before, width, 1, stride), norm(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the tensor after the block."""
        return torch.relu(self.inner(x) + self.skip(x))


def acas() -> nn.Module:
    """Return a network of the shape of ACAS Xu's: 5 inputs, 6 layers of 50."""
    layers: list[nn.Module] = [nn.Linear(5, 50)]
    for _ in range(5):
        layers += [nn.ReLU(), nn.Linear(50, 50)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(50, 5))


def lenet() -> nn.Module:
    """Return LeNet-5 with max pooling."""
    first = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    dense = [nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*first, *second, *dense)


def two_blocks(image: Image) -> nn.Module:
    """Return a ResNet of two blocks with 16 channels."""
    stem = [nn.Conv2d(image[0], 8, 3, 2, 1), nn.ReLU()]
    side = -(-image[1] // 4)
    head = [nn.Flatten(), nn.Linear(16 * side * side, 100), nn.ReLU(), nn.Linear(100, 10)]
    return nn.Sequential(*stem, Block(8, 16, 2), Block(16, 16, 1), *head)


def four_blocks(image: Image) -> nn.Module:
    """Return a ResNet of four blocks with 32 channels, 14,436 neurons on images of 3 x 32 x 32."""
    stem = [nn.Conv2d(image[0], 16, 3, 2, 1), nn.ReLU()]
    side = -(-image[1] // 8)
    head = [nn.Flatten(), nn.Linear(32 * side * side, 100), nn.ReLU(), nn.Linear(100, 10)]
    blocks = [Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 2), Block(32, 32, 1)]
    return nn.Sequential(*stem, *blocks, *head)


def vgg() -> nn.Module:
    """Return six convolutions with batch norm, in pairs with max pooling after each."""
    layers: list[nn.Module] = []
    before = 3
    for width in (8, 16, 32):
        for _ in range(2):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10))


def resnet18(width: int = 16) -> nn.Module:
    """Return ResNet-18 for images of 32 x 32: eight blocks with batch norm, and the mean over all pixels."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU()]
    before = width
    for stage in range(4):
        for k in range(2):
            layers.append(Block(before, width << stage, 2 if stage and not k else 1, nn.BatchNorm2d))
            before = width << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


def settled(module: nn.Module, inputs: torch.Tensor) -> nn.Module:
    """Return the module in float64 and evaluation mode, its batch norms with statistics of these inputs."""
    module.double().train()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0  # what it sees is all that it knows
    with torch.no_grad():
        module(inputs[:32])
    return module.eval()
