"""Catalogs: a picture of every unit of a network, in a folder with an index."""
