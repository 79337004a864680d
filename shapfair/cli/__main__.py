"""``python -m shapfair.cli`` is ``shapfair``."""

import sys

from shapfair.cli.program import run

sys.exit(run())
