"""Pretraining: what methods are made of, the loop, its checkpoints, what watches it."""
