"""Distances of points to the boundaries of regions."""
