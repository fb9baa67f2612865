"""The figures of the paper, one module each, and the trainings that some share."""
