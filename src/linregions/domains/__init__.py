"""What is partitioned: lines and curves, windows of planes, solids, and random sections of these."""
