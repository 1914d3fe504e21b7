"""What looks like a person among identifiers, and what does not."""

import random
import uuid

import pytest

from gapwatch.pipeline.events.privacy.identifiers import masked_identifier, masked_record_id, person_in
from gapwatch.pipeline.events.privacy.pseudonyms import is_pseudonym

DRAWN = 3_000


@pytest.mark.parametrize("naming", ["person", "record", "product"])
@pytest.mark.parametrize(
    "value",
    [
        "c-7",
        "550e8400-e29b-41d4-a716-446655440000",
        "20261101134559001",
        "2026-11-01-13-45-59-001",
        "event-000012",
        "SKU-100-XL",
        "6901234567892",
        "iPhone 15",
        "1781234567890123456",
        "507f1f77bcf86cd799439011",
        "meituan-1",
        "A100",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "user_12345",
        "taobao_123",
        "north",
    ],
)
def test_names_of_things_stay(value, naming):
    assert masked_identifier(value, naming) is value


@pytest.mark.parametrize(
    "value", ["冰箱", "小米手机", "康师傅红烧牛肉面", "金龙鱼", "李宁", "Apple Watch", "wx-20261101-0001"]
)
def test_goods_stay(value):
    assert masked_identifier(value, "product") is value


@pytest.mark.parametrize(
    ("made", "most"),
    [
        (lambda: str(uuid.UUID(int=random.getrandbits(128), version=4)), 0),
        (lambda: uuid.UUID(int=random.getrandbits(128), version=4).hex, 0),
        (lambda: str(random.randrange(17 * 10**17, 19 * 10**17)), 0),  # snowflake ids of these years
        (
            lambda: (
                f"20261101{random.randrange(24):02}{random.randrange(60):02}{random.randrange(60):02}{random.randrange(10**5):05}"
            ),
            0,
        ),
        (lambda: f"SKU{random.randrange(10**8):08}", 0),
        (lambda: str(random.randrange(10**9, 10**10)), 0),
        (lambda: str(random.randrange(10**17, 10**18)), 0.006),
        # Nothing tells a telephone's eleven digits from eleven others that begin with 13 to 19.
        (lambda: str(random.randrange(10**10, 10**11)), 0.1),
    ],
)
def test_of_random_ids_few_are_hashed(made, most):
    random.seed(7)
    assert sum(person_in(made(), "record") is not None for _ in range(DRAWN)) <= most * DRAWN


def test_spellings_of_one_number_are_one_person():
    spellings = [
        "13812345678",
        "+86 138 1234 5678",
        "86-13812345678",
        "138-1234-5678",
        "013812345678",
        "tel:13812345678",
    ]
    assert {person_in(value, "person") for value in spellings} == {"13812345678"}


def test_of_an_id_that_holds_a_number_nothing_is_merged():
    assert person_in("13812345678-1", "record") != person_in("13812345678-2", "record")


@pytest.mark.parametrize(
    "value", ["zhangwei", "li.na", "wang_xiaoming88", "zhangwei_88", "Zhang Wei", "客服小王", "wx:lilei88"]
)
def test_customers_and_agents_by_name(value):
    assert is_pseudonym(masked_identifier(value, "person"))


@pytest.mark.parametrize("naming", ["person", "record", "product"])
@pytest.mark.parametrize(
    "value",
    ["QQ:123456789", "qq_10001000", "user:张三", "张 伟", "沪A12345", "+852 9123 4567", "一三八一二三四五六七八"],
)
def test_other_kinds(value, naming):
    assert is_pseudonym(masked_identifier(value, naming))


def test_a_hash_is_not_hashed_again():
    once = masked_identifier("13812345678", "person")
    assert is_pseudonym(once)
    assert masked_identifier(once, "person", certain=True) is once
    assert masked_record_id(once) is once
