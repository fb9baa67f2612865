"""The way of a box: the network in its coordinates, the buffers of a thread, nodes as tasks."""
