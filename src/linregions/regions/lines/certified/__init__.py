"""Lines whose every sign and order is proved: floats with rigorous bounds, and integers where these leave doubts."""
