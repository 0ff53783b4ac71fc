"""Pretraining: the small models that ship with recortex, trained on its own simulated scenes."""
