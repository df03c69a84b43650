"""Augmented views: the plan by which they are rendered, live or from a cache."""
