"""Whether ClickHouse refuses a few bad rows or, by a fault of the program, nearly every one."""

from collections import deque

from gapwatch.pipeline.errors import StoreError

# A fault of the program, or a table that is not what it expects, refuses every row; a value that nobody thought of, one
# in many thousands. Half of the last rows tells the two apart, whatever the size of a flush.
ROWS_LOOKED_AT = 200
# Where few events arrive, and after a start, so many refused rows are needed: one or two bad ones stop nobody.
LEAST_REFUSED = 10


class Refusals:
    """Counts the rows stored and refused last. For one thread."""

    def __init__(self) -> None:
        self._refused: deque[bool] = deque(maxlen=ROWS_LOOKED_AT)

    def stored(self, rows: int) -> None:
        """So many rows were stored."""
        self._refused.extend([False] * min(rows, ROWS_LOOKED_AT))

    def refused(self) -> None:
        """One row was refused.

        Raises StoreError when there are so many that no large flush need be tried to its end.
        """
        self._refused.append(True)
        if len(self._refused) == ROWS_LOOKED_AT:
            self.judge()

    def judge(self) -> None:
        """To be called when a flush was tried, before its dead letters are sent.

        Raises StoreError when most of the last rows were refused.
        """
        rows, refused = len(self._refused), sum(self._refused)
        if refused >= LEAST_REFUSED and refused > rows / 2:
            raise StoreError(
                "ClickHouse refuses {refused} of the last {rows} rows: a fault of gapwatch or a table changed by "
                "hand, not of single events. They stay in Kafka: restore the table, or report the fault",
                refused=refused,
                rows=rows,
            )
