"""The ground that all rooms stand on: checks, whole files, tables, limits, threads, how kernels are compiled."""
