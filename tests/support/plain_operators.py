"""Layers as plain nested loops over numbers of any kind: images are lists of channels of rows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from linregions import PiecewiseLinear
from tests.reference.exact_traces import Asked

Image = list[list[list[Any]]]


def image(x: Sequence[Any], channels: int, height: int, width: int) -> Image:
    """Return a flat list of numbers as an image."""
    numbers = iter(x)
    return [[[next(numbers) for _ in range(width)] for _ in range(height)] for _ in range(channels)]


def flat(x: Image) -> list[Any]:
    """Return the numbers of an image."""
    return [value for channel in x for row in channel for value in row]


def dense(weight: Any, bias: Any, x: Sequence[Any]) -> list[Any]:
    """Return ``weight @ x + bias``."""
    return [
        sum((Fraction(float(w)) * value for w, value in zip(row, x, strict=True)), Fraction(float(b)))
        for row, b in zip(weight, bias, strict=True)
    ]


def conv(x: Image, kernel: Any, bias: Any, stride: int, padding: int) -> Image:
    """Return a convolution with zeros around the image."""
    return _conv(x, kernel, bias, stride, (padding, padding))


def padded_conv_last(x: Image, kernel: Any, bias: Any) -> Image:
    """Return a convolution with one row of zeros below and one column on the right."""
    return _conv(x, kernel, bias, 1, (0, 1))


def _conv(x: Image, kernel: Any, bias: Any, stride: int, padding: tuple[int, int]) -> Image:
    height, width, size = len(x[0]), len(x[0][0]), len(kernel[0][0])
    before, after = padding
    result = []
    for k, b in zip(kernel, bias, strict=True):
        rows = []
        for top in range(-before, height + after - size + 1, stride):
            row = []
            for left in range(-before, width + after - size + 1, stride):
                value: Any = Fraction(float(b))
                for c, channel in enumerate(x):
                    for i in range(size):
                        for j in range(size):
                            if 0 <= top + i < height and 0 <= left + j < width:
                                value = value + Fraction(float(k[c][i][j])) * channel[top + i][left + j]
                row.append(value)
            rows.append(row)
        result.append(rows)
    return result


def activated(x: Image, phi: PiecewiseLinear, ask: Asked) -> Image:
    """Return the activation of every number."""
    return [[[ask.activate(value, phi) for value in row] for row in channel] for channel in x]


def summed(x: Image, y: Image) -> Image:
    """Return the sum of two images."""
    total = iter([a + b for a, b in zip(flat(x), flat(y), strict=True)])
    return [[[next(total) for _ in row] for row in channel] for channel in x]


def scaled(channel: list[list[Any]], factor: float) -> list[list[Any]]:
    """Return a channel times a number."""
    return [[Fraction(factor) * value for value in row] for row in channel]


def max_pool(x: Image, size: int, stride: int, padding: int, ask: Asked) -> Image:
    """Return the largest numbers of windows; what lies outside the image does not count."""
    height, width = len(x[0]), len(x[0][0])
    return [
        [
            [
                ask.largest(
                    [
                        channel[top + i][left + j]
                        for i in range(size)
                        for j in range(size)
                        if 0 <= top + i < height and 0 <= left + j < width
                    ]
                )
                for left in range(-padding, width + padding - size + 1, stride)
            ]
            for top in range(-padding, height + padding - size + 1, stride)
        ]
        for channel in x
    ]


def average_pool(x: Image, size: int, stride: int) -> Image:
    """Return the means of windows."""
    share = Fraction(1, size * size)
    return [
        [
            [
                sum((share * channel[top + i][left + j] for i in range(size) for j in range(size)), Fraction(0))
                for left in range(0, len(channel[0]) - size + 1, stride)
            ]
            for top in range(0, len(channel) - size + 1, stride)
        ]
        for channel in x
    ]
