"""Run the command line with ``python -m linregions``."""

import sys

from linregions.cli import main

if __name__ == "__main__":
    sys.exit(main())
