"""What becomes of regions as they are found: kept, counted, summed up, or written to disk."""
