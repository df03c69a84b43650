"""Twinview beside other libraries, measured on one machine; `make bench` runs it."""
