"""How often Python's garbage collector looks for cycles in the processes of a worker."""

import asyncio
import gc

# Of what a batch consists, nothing ever forms a cycle, while it is tens of thousands of tuples that live until they are
# stored. With the default of 700 collections took a third of the reader's time (docs/performance.md).
OBJECTS_BETWEEN_COLLECTIONS = 100_000
# What does form cycles is few and heavy: columns of the ClickHouse driver, each with the buffers of a query, and errors
# with their tracebacks. Left to the count of objects they would stay for hours. A collection of all takes some 100 ms.
FULL_COLLECTION_SECONDS = 30.0


def collect_rarely() -> None:
    """Leave what is loaded so far out of collections, and collect less often from here on."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 100)


def collect_on_demand() -> None:
    """Leave what is loaded so far out of collections, and collect from here on only by `gc.collect`.

    For a process that works by the batch: between two there is next to nothing to look through.
    """
    gc.freeze()
    gc.disable()


async def collect_periodically() -> None:
    """Collect all generations every `FULL_COLLECTION_SECONDS`, until cancelled."""
    while True:
        await asyncio.sleep(FULL_COLLECTION_SECONDS)
        gc.collect()
