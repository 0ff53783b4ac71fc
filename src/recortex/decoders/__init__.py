"""Decoders: brain responses to stimulus features."""
