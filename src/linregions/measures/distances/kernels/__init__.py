"""Pure array code of distances."""
