"""How often Python looks for cycles of objects in the processes of a worker."""

import asyncio
import gc

# Of what a batch consists, nothing ever forms a cycle, while it is tens of thousands of tuples that live until they are
# stored. With the default of 700 the search took a third of the reader's time (docs/performance.md).
OBJECTS_BETWEEN_SEARCHES = 100_000
# What does form cycles is few and heavy: columns of the ClickHouse driver, each with the buffers of a query, and errors
# with their tracebacks. Left to the count of objects they would stay for hours. A search takes some 100 ms.
SECONDS_BETWEEN_WHOLE_SEARCHES = 30.0


def search_seldom() -> None:
    """Leave what is loaded so far out of the search, and search less often from here on."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES, 20, 100)


def search_when_asked() -> None:
    """Leave what is loaded so far out of the search, and search from here on only by `gc.collect`.

    For a process that works by the batch: between two there is next to nothing to search through.
    """
    gc.freeze()
    gc.disable()


async def search_regularly() -> None:
    """Search through everything now and then, until cancelled."""
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_WHOLE_SEARCHES)
        gc.collect()
