"""Pure array code of planes."""
