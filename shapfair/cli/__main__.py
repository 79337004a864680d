"""``python -m shapfair.cli`` is ``shapfair``."""

import sys

from shapfair.cli.main import main

sys.exit(main())
