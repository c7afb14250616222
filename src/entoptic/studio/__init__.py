"""The studio: dreams, units, films and what a network sees, live on a page of one's own machine."""
