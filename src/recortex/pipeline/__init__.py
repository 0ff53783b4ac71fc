"""Pipelines: a YAML file of named stages, planned, run and laid out as a folder of results."""
