"""Gradient ascent on an image: the loop, its optimizers, gradients and exact tiles."""
