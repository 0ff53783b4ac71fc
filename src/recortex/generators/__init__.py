"""Generators: decoded features to pictures."""
