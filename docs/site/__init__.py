"""The documentation as a searchable site: `python -m docs.site`, or `make docs`."""
