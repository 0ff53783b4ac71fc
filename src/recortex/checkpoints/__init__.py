"""Checkpoints: the files of trained models, wherever they lie, as folders that their own libraries load."""
