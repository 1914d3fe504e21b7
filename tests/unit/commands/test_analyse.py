"""`gapwatch analyse --mask`: what is taken out, with offsets of the input."""

import json

from click.testing import CliRunner

from gapwatch.commands.analyse import analyse

LINES = [
    {"id": 1, "text": "😀我叫李雷，电话１３８ 1234 5678，地址：杭州市西湖区文三路88号"},
    {"id": "b", "text": "太慢了"},
    {"id": "c", "text": "&#49;3812345678 和 a%40b.cn"},
]


def masked(*arguments: str, lines: list[dict[str, object]] = LINES) -> str:
    done = CliRunner().invoke(
        analyse, ["--mask", *arguments], input="\n".join(json.dumps(line) for line in lines) + "\n\n"
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_spans_are_of_the_input():
    answers = [json.loads(line) for line in masked("--jsonl").splitlines()]
    assert [answer["id"] for answer in answers] == [1, "b", "c"]
    assert [[kind for *_, kind in answer["spans"]] for answer in answers] == [
        ["姓名", "电话", "地址"],
        [],
        ["电话", "邮箱"],
    ]
    for line, answer in zip(LINES, answers, strict=True):
        text, pieces, place = str(line["text"]), [], 0
        for start, end, kind in answer["spans"]:
            pieces += text[place:start], f"‹{kind}›"
            place = end
        assert "".join([*pieces, text[place:]]) == answer["text"]


def test_a_single_text():
    assert masked("请打13812345678", lines=[]) == "请打‹电话›\n"
