"""Kinds of region."""

#: Linear and gradient regions are activation regions joined across borders that are no boundary of the kind.
KINDS = ("activation", "linear", "gradient")
#: What a partition calls its number of regions of each kind.
COUNTS = {"activation": "n_regions", "linear": "n_linear_regions", "gradient": "n_gradient_regions"}
