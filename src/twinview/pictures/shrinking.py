"""The size of pictures that are made smaller."""


def shrunk_side(side: int, scale: float) -> int:
    """The side in pixels of pictures that are shrunk by a scale between 0 and 1; at least 1."""
    return max(1, round(scale * side))
