from zoneinfo import ZoneInfo

import pytest

from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.publishing.files.times import rfc_3339

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05+08:00"),
        ("2026/1/2 3:04", "2026-01-02T03:04:00+08:00"),
        ("2026年1月2日 3时4分5秒", "2026-01-02T03:04:05+08:00"),
        ("2026年11月3日 下午3:05", "2026-11-03T15:05:00+08:00"),
        ("2026年11月3日 星期二 上午12:05", "2026-11-03T00:05:00+08:00"),
        ("2026-11-03 03:05 PM", "2026-11-03T15:05:00+08:00"),
        ("２０２６／１／２　３：０４", "2026-01-02T03:04:00+08:00"),
        ("2026.01.02", "2026-01-02T00:00:00+08:00"),
        ("2026-01-02T03:04:05.5", "2026-01-02T03:04:05.500000+08:00"),
        ("2026-11-03 24:00:00", "2026-11-04T00:00:00+08:00"),
        ("2026年11月3日 15时", "2026-11-03T15:00:00+08:00"),
        ("2026/11/3 9:05 PM", "2026-11-03T21:05:00+08:00"),
        ("20261103T090507", "2026-11-03T09:05:07+08:00"),
        ("20261103", "2026-11-03T00:00:00+08:00"),
        ("20261103090507", "2026-11-03T09:05:07+08:00"),
        ("46329", "2026-11-03T00:00:00+08:00"),
        ("46329.378553240742", "2026-11-03T09:05:07+08:00"),
        (46329.5, "2026-11-03T12:00:00+08:00"),
    ],
)
def test_times_without_offset_get_that_of_the_zone(written: object, expected: str) -> None:
    assert rfc_3339(written, SHANGHAI) == expected
    with pytest.raises(Rejected, match=r"time_without_offset: .*--timezone"):
        rfc_3339(written, None)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05+01:00"),
        ("2026-11-03 09:05:07 +0800", "2026-11-03T09:05:07+08:00"),
        ("2026-11-03 09:05:07 UTC", "2026-11-03T09:05:07+00:00"),
        ("2026-11-03 09:05:07 GMT-3", "2026-11-03T09:05:07-03:00"),
        ("Tue Nov 03 12:00:00 +0800 2026", "2026-11-03T12:00:00+08:00"),
        ("Tue, 03 Nov 2026 12:00:00 +0800", "2026-11-03T12:00:00+08:00"),
        ("20261103T010507Z", "2026-11-03T01:05:07+00:00"),
        ("2026-11-03T09:05+0800", "2026-11-03T09:05:00+08:00"),
        ("Tue Nov 03 12:00:00 GMT 2026", "2026-11-03T12:00:00+00:00"),
        ("1793667907", "2026-11-03T01:05:07+00:00"),
        (1793667907123, "2026-11-03T01:05:07.123000+00:00"),
        ("1793667907123456", "2026-11-03T01:05:07.123456+00:00"),
        ("1793667907.25", "2026-11-03T01:05:07.250000+00:00"),
    ],
)
@pytest.mark.parametrize("zone", [None, SHANGHAI])
def test_times_with_offset_need_no_zone(written: object, expected: str, zone: ZoneInfo | None) -> None:
    assert rfc_3339(written, zone) == expected


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("11/03/2026", "day or with the month"),
        ("3-11-26 9:05", "day or with the month"),
        ("2026-13-02 03:04:05", "no time"),
        ("2026-02-30", "no time"),
        ("昨天", "no time"),
        ("", "no time"),
        ("12345", "no time"),
        ("Tue Nov 03 12:00:00 CST 2026", "no time"),
        ("Nov 3, 2026 9:05 AM", "no time"),
        ("11-03 09:05", "no time"),
    ],
)
def test_what_is_no_time_or_could_be_two_is_refused(written: str, told: str) -> None:
    with pytest.raises(Rejected, match=f"time_unparsable: .*{told}"):
        rfc_3339(written, SHANGHAI)


def test_where_clocks_are_set_forward_there_is_no_time_and_where_back_the_earlier() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    with pytest.raises(Rejected, match="does not exist in Europe/Berlin"):
        rfc_3339("2026-03-29 02:30:00", berlin)
    assert rfc_3339("2026-10-25 02:30:00", berlin) == "2026-10-25T02:30:00+02:00"
