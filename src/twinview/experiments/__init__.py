"""Recorded results of the folder, of commits and of DVC experiments, and comparisons of them."""
