"""A network compiled for a set of targets: rewritten, verified, fast."""
