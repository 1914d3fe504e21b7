from gapwatch.pipeline.kafka.lost import Lost, count


def test_offsets_that_are_named_twice_count_once() -> None:
    lost = [
        Lost("a", 0, 150, 200),
        Lost("a", 0, 100, 180),
        Lost("a", 1, 0, 5),
        Lost("b", 0, 7, 7),
        Lost("a", 0, 120, 130),
    ]
    assert count(lost) == {"a": 105}
    assert count([]) == {}
