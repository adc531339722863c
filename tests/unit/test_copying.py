"""Where a copy goes, and in which parts."""

from collections import Counter

import pytest

from engine.core.copying import MOST_PARTS, actor_of, byte_ranges, is_bucket_name, is_plain_key, part_size_bytes
from engine.edges.s3.clients import endpoint_of
from engine.settings import S3Settings

KEYS = [f"{number:032x}/picture.png" for number in range(2000)]


def test_d9_a_destination_always_goes_to_the_same_actor() -> None:
    assert [actor_of("funnels", "a/é.png", actors) for actors in (1, 2, 3, 8)] == [0, 1, 2, 3]


def test_actors_share_alike() -> None:
    shares = Counter(actor_of("funnels", key, 4) for key in KEYS)
    assert set(shares) == {0, 1, 2, 3}
    assert min(shares.values()) > 400


def test_one_more_actor_takes_its_share_and_moves_no_other() -> None:
    moved = [(actor_of("b", key, 4), actor_of("b", key, 5)) for key in KEYS]
    assert all(new in (old, 4) for old, new in moved)
    assert 300 < sum(new == 4 for _, new in moved) < 500


@pytest.mark.parametrize("key", ["a", "a b/é.png", "%2F", "a+b~#?&='\"\\", ".hidden", "...", "..a/b..", "\u00a0", "😀"])
def test_a_plain_key(key: str) -> None:
    assert is_plain_key(key)


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", ".", "a/./b", "../a", "a/..", "a\tb", "a\nb", "\x00", "a\x1f", "del\x7f"]
)
def test_no_plain_key(key: str) -> None:
    assert not is_plain_key(key)


@pytest.mark.parametrize(
    ("size_bytes", "ranges"), [(10, [(0, 3), (4, 7), (8, 9)]), (8, [(0, 3), (4, 7)]), (1, [(0, 0)])]
)
def test_parts_cover_every_byte_once(size_bytes: int, ranges: list[tuple[int, int]]) -> None:
    assert list(byte_ranges(size_bytes, 4)) == ranges


def test_parts_grow_where_they_would_be_too_many() -> None:
    assert part_size_bytes(100, 10) == 10
    size_bytes = 5 * 1024**4
    grown = part_size_bytes(size_bytes, 5 * 1024**2)
    assert len(list(byte_ranges(size_bytes, grown))) == MOST_PARTS


@pytest.mark.parametrize(
    ("endpoint_url", "region", "expected"),
    [
        (None, "eu-west-1", ("https://s3.eu-west-1.amazonaws.com", "https://b.s3.eu-west-1.amazonaws.com")),
        (None, "cn-north-1", ("https://s3.cn-north-1.amazonaws.com.cn", "https://b.s3.cn-north-1.amazonaws.com.cn")),
        ("http://127.0.0.1:9/", "x", ("http://127.0.0.1:9", "http://b.127.0.0.1:9")),
    ],
)
def test_an_endpoint_and_a_buckets_own(endpoint_url: str | None, region: str, expected: tuple[str, str]) -> None:
    settings = S3Settings(endpoint_url, "b", "id", "secret", region)
    assert (endpoint_of(settings), endpoint_of(settings, "b")) == expected


def test_d9_a_destination_that_utf8_cannot_hold_has_an_actor_too() -> None:
    assert {actor_of("funnels", f"a/\ud800{number}", 3) for number in range(40)} == {0, 1, 2}


@pytest.mark.parametrize("name", ["abc", "a" * 255, "My_Old.Bucket-1", "9a"])
def test_a_bucket_may_have_this_name(name: str) -> None:
    assert is_bucket_name(name)


@pytest.mark.parametrize("name", ["", "a", "a" * 256, "-abc", ".abc", "a/b", "a b", "abc\n", "é-bucket"])
def test_no_bucket_has_this_name(name: str) -> None:
    assert not is_bucket_name(name)
