"""All coalitions at once, as arrays in bitmask order: the lattice of subsets."""

import numpy as np
from jaxtyping import Bool, UInt8


def sizes(n: int) -> UInt8[np.ndarray, " coalitions"]:
    """Number of members of every coalition in bitmask order, shape ``(2**n,)``."""
    count = np.zeros(2**n, np.uint8)
    for i in range(n):
        np.add(count[: 2**i], 1, out=count[2**i : 2 ** (i + 1)])
    return count


def membership(n: int) -> Bool[np.ndarray, "coalitions parties"]:
    """Whether party ``j`` belongs to coalition ``C``, shape ``(2**n, n)``; O(n 2^n) memory."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
