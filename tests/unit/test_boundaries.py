"""Where an id or a key may begin and end (B13, B14, D17)."""

import pytest

from engine.core.boundaries import host_end, stands_as_id, stands_as_key, stands_as_part
from engine.core.references import ReferenceFinder

ID, SHORT, KEY = "64a1b2c3d4e5f60718293a4b", "6a1f2d0c9b11", "folder/of/photos/a.png"
UUID = f"5e0c3c57-0c6a-4f3b-8a55-{SHORT}"


def id_stands(before: str, text: str, behind: str) -> bool:
    return stands_as_id(before + text + behind, len(before), len(before + text))


def key_stands(before: str, behind: str) -> bool:
    return stands_as_key(before + KEY + behind, len(before), len(before + KEY))


WORDS_BEFORE = ["a", "Z", "9", "_", "\\u0061", "\\u005a", "\\x5f", "%61", "%5F", "%2561", "\\000061", "\\00005F"]
OTHERS_BEFORE = [
    "",
    "\\n",
    "\\u00e9",
    "\\u002f",
    "\\x2f",
    "%2F",
    "%252F",
    "%25252f",
    "%2525252F",
    "%20",
    "\\00002f",
    "é",
    ".",
    "(",
    "-",
    "\\\\n",
]


@pytest.mark.parametrize("before", WORDS_BEFORE)
def test_b13_d17_a_word_before_is_told_without_its_escape(before: str) -> None:
    assert not id_stands(before, ID, "")
    assert not id_stands(f"?{before}", ID, "")
    assert not key_stands(before, "")
    assert not key_stands(before + "-", "")


@pytest.mark.parametrize("before", OTHERS_BEFORE)
def test_b13_b14_what_is_no_word_may_stand_before(before: str) -> None:
    assert id_stands(before, ID, "")
    assert key_stands(before, "")
    assert key_stands(before + "-", "")


@pytest.mark.parametrize("behind", ["a", "_", "%61", "%5f", "%39", "%2561"])
def test_b13_an_id_goes_on_in_a_letter_however_it_is_escaped(behind: str) -> None:
    assert not id_stands("", ID, behind)
    assert not id_stands("%61/", ID, behind)
    assert not id_stands("é/", ID, behind)


@pytest.mark.parametrize("behind", ["", "%", "%2F", "%20", "%C3%A9", "-", ".", "é", "\\n", "%zz"])
def test_b13_an_id_ends_before_what_is_no_letter(behind: str) -> None:
    assert id_stands("", ID, behind)
    assert id_stands("%61/", ID, behind)


@pytest.mark.parametrize("page", ["{}%&#54;1", "%&#54;1{}", "\\u00&#54;1{}"])
def test_b13_a_letter_whose_escape_another_hides_is_one_all_the_same(page: str) -> None:
    finder = ReferenceFinder([ID], [])
    assert finder.find(page.format(ID)) == ()
    assert len(finder.find(page.replace("&#54;1", "&#50;f").format(ID))) == 1


def test_b13_of_twelve_characters_the_end_of_a_uuid_alone_is_no_id() -> None:
    assert not id_stands(UUID[:24], SHORT, "")
    assert not id_stands("/" + UUID[:24], SHORT, "?")
    assert id_stands(UUID[1:24], SHORT, "")
    assert id_stands("x-", SHORT, "")
    assert not id_stands("x", SHORT, "")
    assert not id_stands(UUID[:24] + "a", SHORT, "")
    assert id_stands(UUID[:24], ID, "")


@pytest.mark.parametrize("behind", ["-a", ".a", "%20", "%C3", "a"])
def test_b13_a_weak_id_is_a_whole_part(behind: str) -> None:
    assert not stands_as_part("step/7" + behind, 0, len("step/7"))
    assert not stands_as_part("?step/7" + behind, 1, len("?step/7"))
    assert not stands_as_part("xstep/7", 1, len("xstep/7"))
    assert stands_as_part("/step/7-", 1, len("/step/7"))


HOSTS = {
    "media/a": 5,
    "media.s3.host/a": 13,
    "media:80/a": 8,
    "media.s3_1.eu-west:9000/a": 23,
    "media.s3%3A80/a": 13,
    "media./a": 5,
    "media": 5,
}


@pytest.mark.parametrize(("url", "end"), HOSTS.items())
@pytest.mark.parametrize("before", ["", "/", "%2F", "%252F", "\\u002f", "é", "\\n"])
def test_d18_a_bucket_is_a_part_of_an_address_or_the_first_of_a_hosts_name(url: str, end: int, before: str) -> None:
    assert host_end(before + url, len(before), len(before) + 5) == len(before) + end


@pytest.mark.parametrize("before", ["a", "0", ".", ":", "-", "_"])
def test_d18_a_bucket_within_another_name_is_none(before: str) -> None:
    assert host_end(f"{before}media/a", 1, 6) is None
