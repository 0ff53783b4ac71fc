"""Judging pictures: what an independent network sees in them."""
