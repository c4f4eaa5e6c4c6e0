"""What is written out: JSON values, and what of them no format can say."""

from math import isfinite
from typing import TypeAlias, Union

Document: TypeAlias = Union["dict[str, Document]", "list[Document]", str, int, float, bool, None]


def finite(number: float) -> float:
    """A number that every format can say. Raises ValueError."""
    if not isfinite(number):
        raise ValueError("NaN and infinities are no JSON values")

    return number
