"""Read modes: what a transaction does with result sets that may not fit in memory."""

from enum import Enum


class ReadMode(Enum):
    """How to treat result sets that may not fit in memory."""

    # Read it all into memory.
    BUFFERED = "whole"
    # Raise ResultTooLarge.
    BOUNDED = "brief"
    # Read rows with a cursor as the caller iterates, while the transaction is open.
    STREAMED = "lasting"
