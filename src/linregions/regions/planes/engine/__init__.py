"""The way of a window: restricted, cut by the first layer, grouped to cells, each taken through all layers."""
