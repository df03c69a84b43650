"""Pretraining: the interface of methods, the training loop, its checkpoints and its monitors."""
