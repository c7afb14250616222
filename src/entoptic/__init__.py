"""entoptic shows what a neural network sees."""
