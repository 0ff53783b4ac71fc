"""What is fitted fold by fold: stimuli and responses joined, split, normalised, fitted, and fitted again on permuted pairs."""
