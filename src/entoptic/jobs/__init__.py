"""The common parts of recipes: settings, inputs, plans, jobs and results."""
