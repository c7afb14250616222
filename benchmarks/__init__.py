"""Measurements, as ratios against a plain loop in the same run; none of them is a test."""
