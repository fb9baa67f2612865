"""What a test, or somebody who measures, may want to change about the engine of lines. Counts do not depend on it."""

from dataclasses import dataclass

from linregions.exact.steps import MOST_PRODUCTS


@dataclass(frozen=True)
class Knobs:
    """How the engine goes about its work."""

    # What the points of a chunk of lines may hold, which one thread takes at a time; with several, chunks are smaller.
    chunk_numbers: int = 1 << 21
    stage_numbers: int = 1 << 16  # of one array of a stage: few enough to stay in cache through a layer
    few_rows: int = 64  # that a stage needs to be worth its calls
    switches: int = 1 << 14  # that there is room for at first
    spacing: int | None = None  # one in so many points is a pivot, 0 for all; None for what is fastest at a width
    # How many times their sum the terms of an interpolated row may be, in its norm and in each pre-activation, see
    # `kernels.products`. Small values make all rows products, and infinities trust any sum.
    losses: tuple[float, float] = (4.0, 8.0)
    most_products: int = MOST_PRODUCTS  # of integers that uniting two affine steps may take


#: What is taken where nothing else is asked for.
USUAL = Knobs()
