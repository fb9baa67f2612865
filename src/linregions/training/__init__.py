"""Train networks as the paper does, on MNIST or on data of one's own."""

from linregions.training.adam import train
from linregions.training.datasets import Dataset, load_dataset
from linregions.training.runs import Snapshot

__all__ = ["Dataset", "Snapshot", "load_dataset", "train"]
