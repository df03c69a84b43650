"""The exception for pictures that cannot be read, and Pillow's errors translated into it."""

import contextlib
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from twinview.core.errors import DataError

# The errors that Pillow's readers raise for bytes that are no picture.
FAULTS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    AssertionError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip


class UnreadableError(DataError):
    """A picture that cannot be read.

    reason: a few words, by which such pictures are counted. passing: whether another reading may
    find the same file in order.
    """

    def __init__(self, reason: str, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.passing = passing


@contextlib.contextmanager
def pillow_errors_reported() -> Iterator[None]:
    """Raises UnreadableError in place of Pillow's errors."""
    try:
        yield
    except Image.DecompressionBombError:
        message = f"has more than {most_pixels():,} pixels; scale it down first"
        raise UnreadableError("too many pixels", message) from None
    except MemoryError:
        message = "needs more memory than there is; scale it down first"
        raise UnreadableError("too large for the memory", message, passing=True) from None
    except FAULTS as error:
        if isinstance(error, OSError) and error.errno:  # the system's, and not Pillow's
            message = f"cannot be read ({error.strerror})"
            raise UnreadableError("cannot be opened", message, passing=True) from None
        message = f"is broken ({error or type(error).__name__})"
        raise UnreadableError("broken", message) from None


def most_pixels() -> int:
    """The largest number of decoded pixels that a picture may have: Pillow's limit."""
    return 2 * (Image.MAX_IMAGE_PIXELS or 0)
