"""The theory in exact arithmetic: properties, uniqueness, replication, incentives, schemes.

Nothing here is rounded, but what :mod:`shapfair.theory.stable_payoffs` finds before it proves it;
values are integers, fractions, or floats, which are fractions too.
"""
