"""Blocks of steps: the one training loop, which lanes take side by side on a device."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int32

from shapfair.training.learner import Learner
from shapfair.training.step import Data, Lane, step

BLOCK_STEPS = 500
"""Most steps of a block; more would not save time."""

BLOCK_EXAMPLES = 32_000
"""Most examples of a lane in a block, whose indices are sent to the device together."""

BLOCK_SECONDS = 0.5
"""How long a block may take, while the host neither stops nor shows progress."""


class Pace:
    """Number of steps that fit into a block, found out on the way.

    Blocks start with a single step and at most double, whatever the first ones took to compile.
    """

    def __init__(self, batch_size: int) -> None:
        self.most = max(1, min(BLOCK_STEPS, BLOCK_EXAMPLES // batch_size))
        self.steps = 1

    def took(self, steps: int, seconds: float) -> None:
        """Note how long a block took."""
        fitting = steps * BLOCK_SECONDS / max(seconds, 1e-9)
        self.steps = int(max(1, min(fitting, 2 * self.steps, self.most)))


def _advance(
    learner: Learner,
    lanes: Lane,
    batches: Int32[Array, "lanes length batch"],
    lengths: Int32[Array, " lanes"],
    data: Data,
) -> tuple[Lane, Int32[Array, " lanes"]]:
    """``lengths[k]`` steps of lane ``k``; the first step of each whose loss is not finite.

    If all losses are finite, that is ``length``, which no lane's number of steps exceeds. The
    numbers of steps are traced, so that blocks of all lengths share one compilation.
    """
    count, length = batches.shape[:2]
    steps_of_lanes = jax.vmap(partial(step, learner), in_axes=(0, 0, None))

    def move(t: Int32[Array, ""], lanes: Lane) -> tuple[Lane, Array]:
        moved, loss = steps_of_lanes(lanes, batches[:, t], data)
        if count == 1:  # which ends the loop; of several lanes, some rest until it ends
            return moved, jnp.isfinite(loss)
        going = t < lengths
        return choose(going, moved, lanes), jnp.isfinite(loss) | ~going

    return _loop(move, lanes, jnp.max(lengths), jnp.full(count, length))


def _loop(
    move: Callable[[Any, Lane], tuple[Lane, Array]], lanes: Lane, steps: Any, none_bad: Array
) -> tuple[Lane, Int32[Array, "..."]]:
    """Move as often as there are steps; the first time that was not fine, else ``none_bad``."""

    def body(t: Any, carry: Any) -> Any:
        lanes, first_bad = carry
        lanes, fine = move(t, lanes)
        return lanes, jnp.where(fine, first_bad, jnp.minimum(first_bad, t))

    return jax.lax.fori_loop(0, steps, body, (lanes, none_bad))


advance = partial(jax.jit, static_argnums=0, donate_argnums=1)(_advance)
"""A block that takes the place of the lanes in memory."""

advance_keeping = partial(jax.jit, static_argnums=0)(_advance)
"""A block that leaves the lanes as they were, so that it can be undone."""


@partial(jax.jit, static_argnums=0)
def advance_one(
    learner: Learner,
    lane: Lane,
    batches: Int32[Array, "length batch"],
    steps: int | Int32[Array, ""],
    data: Data,
) -> tuple[Lane, Int32[Array, ""]]:
    """A block of a lane that has no others beside it; see :data:`advance`."""

    def move(t: Int32[Array, ""], lane: Lane) -> tuple[Lane, Array]:
        lane, loss = step(learner, lane, batches[t], data)
        return lane, jnp.isfinite(loss)

    return _loop(move, lane, steps, jnp.int32(len(batches)))


def choose(which: Array, ones: Lane, others: Lane) -> Lane:
    """Lane by lane, that of the ones where ``which`` is true, else that of the others."""
    pick = jax.vmap(lambda w, one, other: jax.tree.map(partial(jnp.where, w), one, other))
    return pick(which, ones, others)


@partial(jax.jit, donate_argnums=0)
def put_lane(lanes: Lane, k: int | Int[Array, ""], lane: Lane) -> Lane:
    """The lanes with another one at place ``k``."""
    return jax.tree.map(lambda leaf, new: leaf.at[k].set(new), lanes, lane)


@partial(jax.jit, static_argnums=1)
def repeat(lane: Lane, count: int) -> Lane:
    """So many lanes side by side that are the same."""
    return jax.tree.map(lambda leaf: jnp.repeat(leaf[None], count, 0), lane)


def stack(lanes: Sequence[Any]) -> Any:
    """Lanes side by side."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *lanes)


@jax.jit
def lane_at(lanes: Any, k: int | Int[Array, ""]) -> Any:
    """One of several lanes, or of a part of them."""
    return jax.tree.map(lambda leaf: leaf[k], lanes)


def padded(
    blocks: Sequence[Int32[np.ndarray, "_ batch"]], length: int
) -> tuple[Int32[np.ndarray, "lanes length batch"], Int32[np.ndarray, " lanes"]]:
    """Batches of lanes that take different numbers of steps, and these numbers, for a block."""
    batches = np.zeros((len(blocks), length, blocks[0].shape[-1]), np.int32)
    for row, block in zip(batches, blocks, strict=True):
        row[: len(block)] = block
    return batches, np.array([len(block) for block in blocks], np.int32)
