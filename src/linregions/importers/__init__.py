"""Foreign models -> Network, each checked against the model itself."""
