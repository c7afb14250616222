"""Files that hold networks, read without knowledge of what a Model is."""
