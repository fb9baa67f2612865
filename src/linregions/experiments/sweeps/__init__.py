"""Many measurements, each done once, kept, and done in parallel."""
