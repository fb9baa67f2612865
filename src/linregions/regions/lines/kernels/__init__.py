"""Pure array code of lines."""
