"""What makes a network fast: its graph rewritten, its weights folded, its precision chosen."""
