"""Several tests at once: p-values corrected, so that the chance of any false alarm among them stays below a bound."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p-values.

    The smallest is multiplied by the number of tests m, the next by m - 1, and so on; none becomes smaller than the one
    before it, none exceeds 1.

    Args:
        p_values: (m,) in any order.

    Returns: (m,) in the same order.

    Source: Holm 1979, Scandinavian Journal of Statistics 6(2), 65-70.
    """
    order = np.argsort(p_values, kind="stable")
    found = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order.tolist()):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        found[index] = largest
    return found
