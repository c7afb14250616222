"""What recipes share: settings, inputs, plans, jobs and results."""
