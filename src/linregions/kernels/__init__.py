"""Pure array code, compiled where it pays: no validation, no logging, no input or output."""
