"""How regions are found: the verbs, and a wing for each kind of domain with its kernels inside."""
