"""Picture files: read as sRGB in [0, 1], written whole, and carrying the job that made them."""
