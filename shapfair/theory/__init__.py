"""The theory in exact arithmetic: properties as predicates, uniqueness, replication, schemes.

Nothing here is rounded; values are integers, fractions, or floats, which are fractions too.
"""

from shapfair.extras import load

load("flint")
