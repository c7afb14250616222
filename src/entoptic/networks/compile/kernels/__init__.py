"""Autograd functions of our own: what the passes put in place of torch's layers."""
