"""What is measured with regions: distances, densities, local complexity, attributions, counts under noise."""
