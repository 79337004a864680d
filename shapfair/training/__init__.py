"""Training one model per coalition: jobs and batches, lanes, networks.

These rooms know data and models, not payoffs; their result is a table of coalition values.
"""

from shapfair.extras import load

load("jax")
load("flax")
load("optax")
