import io

import pytest

from gapwatch.pipeline.publishing.files import encodings
from gapwatch.pipeline.publishing.files.encodings import detect_encoding, encoding_of, is_utf8_within
from gapwatch.pipeline.publishing.files.record import FileError

SIMPLIFIED = "评论,时间\n这个水壶很好用，就是送得慢。,1\n客服态度差，退款拖了半个月,2\n"
TRADITIONAL = "評論,時間\n這個水壺很好用，就是送得慢。,1\n客服態度差，退款拖了半個月,2\n"


@pytest.mark.parametrize(
    ("text", "codec", "expected"),
    [
        (SIMPLIFIED, "utf-8", "utf-8"),
        (SIMPLIFIED, "gbk", "gb18030"),
        (SIMPLIFIED, "gb18030", "gb18030"),
        (SIMPLIFIED, "utf-16", "utf-16"),
        (SIMPLIFIED, "utf-16-le", "utf-16-le"),
        (SIMPLIFIED, "utf-16-be", "utf-16-be"),
        (TRADITIONAL, "utf-8", "utf-8"),
        (TRADITIONAL, "big5", "big5hkscs"),
        ("好\n", "gbk", "gb18030"),
        ("联通\n", "gbk", "gb18030"),
        ("plain\n", "ascii", "utf-8"),
        ("", "ascii", "utf-8"),
    ],
)
def test_the_encoding_is_told_by_most_characters(text: str, codec: str, expected: str) -> None:
    assert detect_encoding(text.encode(codec)) == expected


def test_cut_lines_of_utf_8_stay_utf_8() -> None:
    line = "很好用的水壶".encode()[:-1] + b"\n"
    assert detect_encoding(b"id,text\n" + line * 50) == "utf-8"


def test_the_whole_file_counts_where_it_can_be_read_again() -> None:
    data = b"id,text\n" + b"1,ascii only\n" * 200_000 + "2,很好用，就是送得慢\n".encode("gbk")
    stream = io.BufferedReader(io.BytesIO(data))
    assert encoding_of(stream) == "gb18030"
    assert stream.read(7) == b"id,text"


@pytest.mark.parametrize(
    "data", [b"id,text\n1,ab\xe5\xa5\n", "Müller für größere".encode("latin-1"), b"\xff\xfe\xfd\xfc"[2:] * 9]
)
def test_what_is_no_chinese_text_is_refused(data: bytes) -> None:
    with pytest.raises(FileError, match="--encoding"):
        detect_encoding(data)


def test_a_line_without_end_is_told_by_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "_ENOUGH", 1_000)
    monkeypatch.setattr(encodings, "SAMPLE_BYTES", 500)
    stream = io.BufferedReader(io.BytesIO(b"[" + ("很好用，就是送得慢" * 400).encode("gbk")))
    assert encoding_of(stream) == "gb18030"


def test_lines_of_another_file_that_was_joined_are_known() -> None:
    utf8 = "很好用，就是慢".encode()
    assert is_utf8_within(utf8.decode("gb18030", "surrogateescape"), "gb18030")
    assert not is_utf8_within("很好用，就是慢", "gb18030")
    assert not is_utf8_within("plain", "gb18030")
    assert not is_utf8_within("很好用", "utf-8-sig")
