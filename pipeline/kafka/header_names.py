"""Header names that are not UTF-8: Kafka takes them, its clients in Python raise, and meet the record again and again.

Kafka's own client puts U+FFFD in the place of what it cannot read. So does this.
"""

from typing import Any, SupportsIndex, overload


class AnyHeaderName:
    """Before the batch of a client: aiokafka's without extensions, or kafka-python's, which is its ancestor."""

    _buffer: bytearray

    def _read_msg(self, *options: Any) -> Any:
        try:
            return super()._read_msg(*options)  # type: ignore[misc]  # a batch's own
        except UnicodeDecodeError:
            # Slow, and therefore not for the records before. A record moves the position when all of it is read.
            self._buffer = _Replacing(self._buffer)
            return super()._read_msg(*options)  # type: ignore[misc]


class _Replacing(bytearray):
    """Bytes whose slices are decoded so that nothing raises."""

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> "_Replacing": ...
    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _Replacing(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)
