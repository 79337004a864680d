"""The devices of this machine, and a thread for each of them."""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import jax

from shapfair import memory, numerals

T = TypeVar("T")

LANES = {"cpu": 1, "gpu": 64, "tpu": 64}
"""Lanes per device by backend.

On a CPU one model and its Adam moments (660 kB) just fit the cache of one core: full MNIST took
14.6, 15.1, 15.3 and 16.8 s with 1, 2, 4 and 8 lanes on two cores (compiled; medians of three). A
single small model leaves most of a GPU idle: on an NVIDIA H200, 32, 64, 128 and 256 lanes trained
MNIST 10, 11, 13 and 13 times as fast as one model at a time, from 64 on held up by the host, which
shuffles the data; steps alone were 21, 30, 40 and 50 times as fast (``benchmarks/gpu.py``). No
other accelerator was tried.
"""


ADDRESS_SPACE, OF_EVERY_CORE = 1 << 30, 1 << 28
"""Bytes that XLA has to find free in the address space, and more for the threads of every core.

With less it ends the process. Small networks took 1.1 GiB with one core, 1.3 with two."""


def check_address_space() -> None:
    """Refuse to train under a limit of address space at which XLA would crash.

    Raises:
        ValueError: saying what is needed and what is left.
    """
    memory.check_address_space(ADDRESS_SPACE + OF_EVERY_CORE * usable_cores(), "training")


def lanes_of(device: jax.Device) -> int:
    """Lanes that a device has by default, see :data:`LANES`."""
    return LANES.get(device.platform, LANES["gpu"])


def local_devices() -> list[jax.Device]:
    """Local devices; on a CPU one device per core that this process may use.

    JAX shows all cores as one device unless told otherwise before its first computation. If it has
    already computed something, its devices are taken as they are. The environment variable
    ``SHAPFAIR_DEVICES`` is the most that are taken; XLA then starts no more threads than that. It
    would start one for every core, and workers would take the cores from each other: with two of
    them on two cores, 310 models of embedded MNIST took 40 % longer than in one process.

    Raises:
        ValueError: if that variable is not a whole number.
    """
    most = _most_devices()
    devices = min(usable_cores(), most or math.inf)
    if devices < usable_cores():
        os.environ.setdefault("NPROC", str(devices))  # what XLA takes for the number of cores
    try:
        jax.config.update("jax_num_cpu_devices", devices)
    except RuntimeError:
        pass
    return jax.local_devices()[:most]


def _most_devices() -> int | None:
    try:
        return numerals.whole(os.environ.get("SHAPFAIR_DEVICES") or "0") or None
    except ValueError as error:
        raise ValueError(f"SHAPFAIR_DEVICES: {error}") from None


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def on_devices(
    devices: Sequence[jax.Device], serve: Callable[[jax.Device], T], stop: Callable[[], None]
) -> list[T]:
    """What ``serve`` returns for every device, each in a thread of its own.

    Args:
        devices: one or more.
        serve: works on a device until its work is done or it is told to stop.
        stop: called when all are done, or as soon as one fails or Ctrl-C is pressed: it must make
            the others end soon.
    """
    with ThreadPoolExecutor(len(devices), "device") as pool:
        threads = [pool.submit(serve, device) for device in devices]
        try:
            wait(threads, return_when=FIRST_EXCEPTION)
        finally:
            stop()
    return [thread.result() for thread in threads]
