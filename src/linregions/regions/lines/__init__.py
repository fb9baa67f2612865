"""Partitions of lines, rays, segments and paths."""
