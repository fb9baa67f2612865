"""Windows of planes in exact arithmetic: an engine that takes every decision right, and what proves a partition."""
