"""Stages: their declarations, dvc.yaml, and the lock, settings check and processes around them."""
