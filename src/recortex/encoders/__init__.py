"""Encoders: stimulus features to brain responses."""
