"""Scores: numbers that are never alone, but come with chance, interval, candidates and split."""
