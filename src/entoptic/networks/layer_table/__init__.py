"""The layers of a network: kinds, shapes, axes, receptive fields."""
