"""Splits: which trials fit and which score, by name, with a hash, checked before any fit."""
