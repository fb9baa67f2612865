"""Slow, exact twins of what the library computes, in rational arithmetic."""
