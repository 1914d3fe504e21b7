"""How often Python looks for cycles of objects in the processes of a worker."""

import gc

# Of what a worker holds, hardly anything ever forms a cycle, while a batch is tens of thousands of tuples that live
# until it is stored. With the default of 700 the search took a third of the reader's time (docs/performance.md).
OBJECTS_BETWEEN_SEARCHES = 100_000


def search_seldom() -> None:
    """Leave what is loaded so far out of the search, and search less often from here on."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES, 20, 100)
