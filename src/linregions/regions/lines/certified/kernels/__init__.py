"""Compiled passes over rows of floats with bounds."""
