"""Set up before any test imports the package."""

import jax

# Two devices whatever the machine, so that lanes on several devices are always tested.
jax.config.update("jax_num_cpu_devices", 2)
