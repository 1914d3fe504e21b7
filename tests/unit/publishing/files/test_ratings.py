import pytest

from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.publishing.files.ratings import stars


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("5", 5), (5.0, 5), ("5.0", 5), ("4星", 4), ("五星", 5), ("三星级", 3), ("★★★★☆", 4), ("★", 1), ("⭐️⭐️", 2),
        ("80/100", 4), ("８０／１００", 4), ("５", 5), ("8/10", 4), ("4.0/5", 4), ("好评", 5), ("中评", 3), ("差评", 1),
        ("非常满意", 5), ("满意", 4), ("一般", 3), ("不满意", 2), ("非常不满意", 1),
    ],
)  # fmt: skip
def test_ratings_as_channels_write_them(written: object, expected: int) -> None:
    assert stars(written) == expected


@pytest.mark.parametrize(
    ("written", "reason", "told"),
    [
        ("4.5", "out_of_range", "between two stars"),
        ("7/10", "out_of_range", "between two stars"),
        ("80", "out_of_range", "80/100"),
        ("0", "out_of_range", "from 1 to 5"),
        ("6/5", "out_of_range", "between|from 1"),
        ("10/5", "out_of_range", "from 1 to 5"),
        ("1/0", "wrong_type", "no rating"),
        ("★★★★★★", "wrong_type", "no rating"),
        ("很棒", "wrong_type", "no rating"),
        ("1e999", "wrong_type", "no rating"),
    ],
)
def test_what_is_not_whole_stars_is_refused(written: str, reason: str, told: str) -> None:
    with pytest.raises(Rejected, match=f"{reason}: .*({told})"):
        stars(written)
