"""What a network is: affine steps, activations, switches; where it comes from; what it does at a point."""
