"""The protocol by which every encoder is judged, and the arithmetic of its probes."""
