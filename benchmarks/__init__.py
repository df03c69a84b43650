"""Compares twinview with other libraries on one machine in one run; `make bench` runs it."""

import pipeline  # noqa: F401  it sets how long idle threads spin, before PyTorch loads
