"""Pure array code on networks: products, dot products, open paths."""
