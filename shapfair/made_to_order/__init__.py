"""Models made to order: the model that a party has paid for, by stopping the training early."""

from shapfair.extras import load

load("jax")
load("flax")
load("optax")
