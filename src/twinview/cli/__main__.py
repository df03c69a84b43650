"""`python -m twinview.cli` is the command `twinview`."""

import sys

from twinview.cli import main

if __name__ == "__main__":
    sys.exit(main())
