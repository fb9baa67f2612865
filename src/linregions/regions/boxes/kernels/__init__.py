"""Compiled code of boxes: cells as lists of vertices."""
