"""Set up before any test imports the package."""

import tempfile

import jax

# Two devices whatever the machine, so that lanes on several devices are always tested.
jax.config.update("jax_num_cpu_devices", 2)

# Tests that compile the same function again take it from here: a fifth less work. The folder is
# this process's alone, since JAX writes its files in place, and goes with it.
_compiled = tempfile.TemporaryDirectory(prefix="shapfair-tests-")
jax.config.update("jax_compilation_cache_dir", _compiled.name)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
