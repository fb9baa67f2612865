"""What becomes of the cells of a box."""
