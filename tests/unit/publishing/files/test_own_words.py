import pytest

from gapwatch.pipeline.publishing.files.own_words import words_of


@pytest.mark.parametrize(
    ("text", "own", "quoted", "filled_in"),
    [
        ("同意//@小明:太慢了//@乙：是", "同意", "//@小明:太慢了//@乙：是", ""),
        ("//@小明:太慢了", "", "//@小明:太慢了", ""),
        ("转发微博//@小明:太慢了", "", "//@小明:太慢了", "转发微博"),
        ("看 http://@x.cn:80/a ", "看 http://@x.cn:80/a ", "", ""),
        ("回复@小明:我也是", "回复@小明:我也是", "", ""),
        ("此用户没有填写评价。", "", "", "此用户没有填写评价。"),
        ("该用户未填写评价内容", "", "", "该用户未填写评价内容"),
        ("评价方未及时做出评价,系统默认好评!", "", "", "评价方未及时做出评价,系统默认好评!"),
        ("系统默认好评我不服", "系统默认好评我不服", "", ""),
        ("此用户没有填写评价，我填了", "此用户没有填写评价，我填了", "", ""),
    ],
)
def test_only_the_customers_own_words_are_the_text(text: str, own: str, quoted: str, filled_in: str) -> None:
    assert words_of(text) == (own, quoted, filled_in)
