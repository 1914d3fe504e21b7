"""A profile: how somebody's export becomes events. It is written as TOML, and read by `checking`.

Each description stands in `docs/reference/profiles.md` too; a test holds the two together.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from gapwatch.pipeline.publishing.files.record import FileFormat
from gapwatch.schemas.events import EventType, Role

_RowNumber = Annotated[int, Meta(ge=1)]
Scalar = str | int | float | bool
# What stands in a conversation where nobody wrote words.
WORDLESS = (
    *("[图片]", "[表情]", "[动画表情]", "[语音]", "[视频]", "[文件]", "[位置]", "[名片]", "[链接]", "[商品链接]"),
    *("[image]", "[sticker]", "[voice]", "[video]", "[file]", "[attachment]", "[location]"),
)


class Joined(Struct, frozen=True, forbid_unknown_fields=True):
    """Several columns that make one value, as a day and a clock."""

    join: Annotated[
        list[str], Meta(min_length=1, description="The columns, in order. Those that are empty are left out.")
    ]
    between: Annotated[str, Meta(description="What stands between their values.")] = " "


Source = str | list[str] | Joined


class FileOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """How the file is read. Nothing here is needed where it is found out."""

    format: Annotated[
        FileFormat | None,
        Meta(description="`transcript`: a plain text in which people speak. Others as for `--format`."),
    ] = None
    encoding: Annotated[str | None, Meta(description="As for `--encoding`.")] = None
    sheet: Annotated[str | None, Meta(description="The sheet of a spreadsheet.")] = None
    member: Annotated[str | None, Meta(description="The file within an archive.")] = None
    header_row: Annotated[_RowNumber | None, Meta(description="The line that names the columns.")] = None
    records: Annotated[str | None, Meta(description="Where the list of records stands in JSON, as `data.items`.")] = (
        None
    )
    fill_down: Annotated[
        list[str], Meta(description="Columns whose empty cells mean the value above them, as merged cells do.")
    ] = []
    begins: Annotated[
        str | None,
        Meta(
            description="Of a `transcript`: a regular expression for the line that begins a conversation. Its named "
            "groups are columns."
        ),
    ] = None


class Times(Struct, frozen=True, forbid_unknown_fields=True):
    """How times are written."""

    timezone: Annotated[str | None, Meta(description="The zone of times without offset, as `Asia/Shanghai`.")] = None
    formats: Annotated[
        list[str],
        Meta(description="Forms that are tried first, as `%d/%m/%Y %H:%M`. The usual forms are read without them."),
    ] = []


class Scale(Struct, frozen=True, forbid_unknown_fields=True):
    """A scale of ratings that is not 1 to 5 stars."""

    worst: Annotated[float, Meta(description="The worst rating that can be given.")]
    best: Annotated[float, Meta(description="The best one.")]


class Rule(Struct, frozen=True, forbid_unknown_fields=True, rename={"is_": "is"}):
    """Which rows or messages are no words of people: exactly one of `is`, `is_not` and `matches`."""

    column: Annotated[
        str, Meta(description="The column that is looked at. In a transcript: `speaker`, `text` or `at`.")
    ]
    is_: Annotated[str | list[str] | None, Meta(description="Passed over where the column holds one of these.")] = None
    is_not: Annotated[str | list[str] | None, Meta(description="Passed over where the column holds none of these.")] = (
        None
    )
    matches: Annotated[
        str | None, Meta(description="Passed over where this regular expression is found in the column.")
    ] = None


class TurnSource(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a turn stands in a row or message. Two of them are a question and an answer in one row."""

    text: Annotated[Source, Meta(description="The column of what is said.")]
    speaker: Annotated[Source | None, Meta(description="The column of who speaks; see `conversation.roles`.")] = None
    role: Annotated[Role | None, Meta(description="Who speaks, where it is always the same.")] = None
    at: Annotated[Source | None, Meta(description="The column of the time.")] = None


class Conversation(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a conversation stands. With neither `messages` nor `transcript`, each row is a message."""

    messages: Annotated[
        str | None, Meta(description="The path to the list of messages within a record, as `data.messages`.")
    ] = None
    transcript: Annotated[
        Source | None, Meta(description="The column that holds a whole conversation as plain text.")
    ] = None
    roles: Annotated[
        dict[str, Role],
        Meta(
            description="Who speaks under which name; `*` stands for any characters, and the first that fits counts. "
            "客服, 买家, 机器人 and the like are known without it."
        ),
    ] = {}
    customer: Annotated[
        Source | None, Meta(description="The column of the customer's name: who speaks under it is the customer.")
    ] = None
    wordless: Annotated[
        list[str], Meta(description="Texts that stand for a picture or the like. Such a turn is blank.")
    ] = field(default_factory=lambda: [*WORDLESS])


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """How an export becomes events."""

    type: Annotated[EventType, Meta(description="What each event is.")]
    about: Annotated[str, Meta(description="What kind of export this is for.")] = ""
    html: Annotated[bool, Meta(description="Whether texts are HTML: tags are taken out of them.")] = False
    others: Annotated[
        Literal["attributes", "leave_out"],
        Meta(description="What becomes of columns that the profile does not name."),
    ] = "attributes"
    leave_out: Annotated[list[str], Meta(description="Columns that do not become attributes.")] = []
    file: Annotated[FileOptions, Meta(description="How the file is read.")] = FileOptions()
    columns: Annotated[
        dict[str, Source],
        Meta(description="The column of each field. Of a list of columns, the first that is filled counts."),
    ] = {}
    constants: Annotated[dict[str, Scalar], Meta(description="Values of fields in rows that have none.")] = {}
    attributes: Annotated[dict[str, Source], Meta(description="Further attributes by name, and their columns.")] = {}
    values: Annotated[
        dict[str, dict[str, Scalar]],
        Meta(description="For a field or an attribute: what its values mean. `*` stands for all others."),
    ] = {}
    times: Annotated[Times, Meta(description="How times are written.")] = Times()
    ratings: Annotated[Scale | None, Meta(description="The scale of `rating`, where it is not 1 to 5.")] = None
    conversation: Annotated[Conversation | None, Meta(description="Where a conversation stands, for chats.")] = None
    turns: Annotated[list[TurnSource], Meta(description="Where turns stand in a row or message, for chats.")] = []
    skip: Annotated[list[Rule], Meta(description="Rows and messages that are passed over.")] = []
