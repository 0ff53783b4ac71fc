"""Selectivity: what single units stand for, said in words."""
