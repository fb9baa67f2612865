"""The experiments of the paper, one file a figure."""
