"""Jobs carried out: here, from a picture, from JSON or from Python."""
