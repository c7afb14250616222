"""Architectures of the embedded networks, as plain modules without weights."""
