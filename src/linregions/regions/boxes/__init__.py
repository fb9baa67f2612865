"""Boxes of one to five inputs, cut into cells that are small polytopes."""
