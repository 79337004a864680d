"""What is this paper's alone: experiments, networks, dropout, the carried optimiser."""

from shapfair.extras import load

load("jax")
load("flax")
load("optax")
