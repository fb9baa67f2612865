"""Partitions of windows in a plane."""
