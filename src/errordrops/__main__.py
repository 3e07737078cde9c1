"""`python -m errordrops` is the command `errordrops`."""

import sys

from .cli import main

sys.exit(main())
