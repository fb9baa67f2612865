"""Exact arithmetic: what floats cannot decide."""
