"""Films: frames read and written with their times, and what moves from each to the next."""
