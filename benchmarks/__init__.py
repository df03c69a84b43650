"""Twinview beside other libraries, on one machine in one run; `make bench` runs it."""

import pipeline  # noqa: F401  (how long idle threads spin; PyTorch reads it when it loads)
