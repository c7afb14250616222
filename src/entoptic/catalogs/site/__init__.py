"""The site of catalogs: static pages that need no server."""
