"""What all kernels stand on: how they are compiled, and bits of words."""
