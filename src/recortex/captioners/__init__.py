"""Captioners: decoded features to text."""
