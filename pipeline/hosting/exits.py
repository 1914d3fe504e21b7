"""What is to be done before a process exits, whichever way it was started."""

import atexit
import weakref
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.util import Finalize


def at_exit(method: Callable[[], None]) -> Callable[[], object]:
    """Call a method before the process exits, if its object is still there then; returns what takes it back.

    The last to be registered is called first. A process that is killed, or ended by `os._exit`, calls nothing.
    """
    held = weakref.WeakMethod(method)

    def call() -> None:
        if (alive := held()) is not None:
            alive()

    if parent_process() is not None:  # a child of multiprocessing ends without what atexit holds
        return Finalize(None, call, exitpriority=0).cancel
    atexit.register(call)
    return lambda: atexit.unregister(call)
