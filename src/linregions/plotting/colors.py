"""Colours of regions: told apart by everyone, and always meaning the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray

# Blue to orange and dark to light: the two axes of colour that every common form of colour blindness leaves intact.
LAYER_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LAYER_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
OUTPUT_COLORS = (*LAYER_COLORS, "#999999", "#882255", "#999933")
_LIGHTNESS, _LIGHTNESS_SPAN, _BLUE_ORANGE_SPAN = 0.71, 0.22, 0.15


def oklab_to_srgb(lightness: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """Return sRGB colours, shape (..., 3), for coordinates in OKLab, where distances are about as large as they look.

    Lightness goes from 0 to 1, `a` from green to red, `b` from blue to yellow; the colours from 0 to 1, clipped where
    the screen has no such colour. B. Ottosson (2020), "A perceptual color space for image processing".
    """
    big, green_red, blue_yellow = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (lightness, a, b)))
    long = (big + 0.3963377774 * green_red + 0.2158037573 * blue_yellow) ** 3
    medium = (big - 0.1055613458 * green_red - 0.0638541728 * blue_yellow) ** 3
    short = (big - 0.0894841775 * green_red - 1.2914855480 * blue_yellow) ** 3
    linear = np.stack(
        [
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        ],
        axis=-1,
    )
    clipped = np.clip(linear, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def gradient_colors(
    gradients: npt.ArrayLike, scale: float, patterns: npt.NDArray[np.uint8] | None = None
) -> FloatArray:
    """Return a colour for each gradient in a plane: its direction and size, read like light on a slope.

    Uphill to the right is orange, to the left blue, upwards light, downwards dark; flat is grey.

    Parameters
    ----------
    gradients : array_like, shape (F, 2)
        Gradients in orthonormal coordinates of the plane.
    scale : float
        Size of a gradient that gets half of the full colour, in units of the gradients.
    patterns : ndarray of uint8, shape (F, n_neurons), optional
        Activation patterns; a small tint by pattern then tells neighbours apart whose gradients are alike.

    Returns
    -------
    ndarray of float64, shape (F, 3)
        sRGB from 0 to 1.
    """
    vectors = np.asarray(gradients, dtype=np.float64)
    size = np.hypot(vectors[:, 0], vectors[:, 1])
    total = size + scale
    unit = vectors / np.where(total > 0, total, 1.0)[:, None]
    lightness = _LIGHTNESS + _LIGHTNESS_SPAN * unit[:, 1]
    warmth = unit[:, 0]
    if patterns is not None:
        angle = _pattern_angle(patterns, 0.0)
        lightness = lightness + 0.04 * np.sin(angle)
        warmth = warmth + 0.16 * np.cos(angle)
    return oklab_to_srgb(lightness, 0.35 * _BLUE_ORANGE_SPAN * warmth, _BLUE_ORANGE_SPAN * warmth)


def pattern_colors(patterns: npt.NDArray[np.uint8]) -> FloatArray:
    """Return a colour for each activation pattern, the same for the same pattern in every picture.

    Parameters
    ----------
    patterns : ndarray of uint8, shape (F, n_neurons)

    Returns
    -------
    ndarray of float64, shape (F, 3)
        sRGB from 0 to 1. Patterns that differ in one neuron by one piece get clearly different colours.
    """
    first, second = _pattern_angle(patterns, 0.0), _pattern_angle(patterns, 0.5)
    return oklab_to_srgb(_LIGHTNESS + 0.16 * np.sin(first), 0.05 * np.cos(second), 0.02 + 0.11 * np.cos(first))


def _pattern_angle(patterns: npt.NDArray[np.uint8], start: float) -> FloatArray:
    """Return an angle for each pattern; one switch turns it by 1.3 to 2.9 radians, never by nearly nothing."""
    golden = 0.6180339887498949
    turns = 1.3 + 1.6 * np.mod(start + golden * np.arange(1, patterns.shape[1] + 1), 1.0)
    return np.asarray(patterns @ turns)
