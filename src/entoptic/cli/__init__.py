"""The command `entoptic`: it parses and shows, nothing else."""
