"""Derived identities: the same for the same, another for any other (ADR 2)."""

from uuid import UUID

import pytest
from bson import Int64, ObjectId
from hypothesis import given
from hypothesis import strategies as st

from engine.core.identity import document_id, form_secret_id, is_strong_id, is_strong_key, object_key, text_of

FUNNEL = ObjectId("64a1b2c3d4e5f60718293a4b")
OTHER = ObjectId("64a1b2c3d4e5f60718293a4c")


def test_b14_a_key_is_a_uuid_and_the_file_name() -> None:
    uuid, name = object_key(FUNNEL, "old/photo.png", "Photo 1.png").split("/", 1)
    assert UUID(uuid).version == 5
    assert name == "Photo 1.png"


@pytest.mark.parametrize(("source_key", "name"), [("a/b/c.png", "c.png"), ("c.png", "c.png"), ("folder/", "file")])
def test_without_a_file_name_the_key_gives_one(source_key: str, name: str) -> None:
    assert object_key(FUNNEL, source_key, "").split("/", 1)[1] == name


def test_d9_d10_keys_are_told_apart_by_funnel_and_source_key_alone() -> None:
    key = object_key(FUNNEL, "a/logo.png", "logo.png")
    assert object_key(FUNNEL, "a/logo.png", "logo.png") == key
    assert object_key(FUNNEL, "b/logo.png", "logo.png") != key
    assert object_key(OTHER, "a/logo.png", "logo.png") != key


def test_d11_a_form_has_one_copy_in_a_clone() -> None:
    assert form_secret_id(FUNNEL, "f") == form_secret_id(FUNNEL, "f")
    assert len({form_secret_id(FUNNEL, "f"), form_secret_id(FUNNEL, "g"), form_secret_id(OTHER, "f")}) == 3
    assert UUID(form_secret_id(FUNNEL, "f")).version == 5


def test_identities_never_change() -> None:
    """Clones that stand hang on these; a failure here means that every retry would make everything anew."""
    assert object_key(FUNNEL, "old/photo.png", "p.png") == "c7bb4a89-74da-5f9e-be3f-1bd167d4ed5f/p.png"
    assert form_secret_id(FUNNEL, "f1") == "d6eb3c31-cf3f-5f85-b26a-8e0dacedd46f"
    assert document_id(FUNNEL, "step", OTHER) == "64a1b2c3b05ddae169246e5f"


def test_a_document_id_carries_the_time_of_its_clone() -> None:
    made = document_id(FUNNEL, "step", OTHER)
    assert ObjectId(made).generation_time == FUNNEL.generation_time
    assert not made.endswith(str(FUNNEL)[8:])


def test_document_ids_differ_by_kind_source_and_clone() -> None:
    ids = {
        document_id(FUNNEL, "step", OTHER),
        document_id(FUNNEL, "components", OTHER),
        document_id(FUNNEL, "step", FUNNEL),
        document_id(OTHER, "step", OTHER),
    }
    assert len(ids) == 4


def test_ids_are_told_apart_as_bson_does() -> None:
    assert len({document_id(FUNNEL, "step", source) for source in (1, Int64(1), 1.0)}) == 1
    assert len({document_id(FUNNEL, "step", source) for source in (1, "1", True)}) == 3
    assert document_id(FUNNEL, "step", str(OTHER)) != document_id(FUNNEL, "step", OTHER)


@given(st.one_of(st.text(), st.integers(), st.uuids()), st.text())
def test_any_id_gives_an_object_id(funnel_id: object, source: str) -> None:
    assert len(ObjectId(document_id(funnel_id, "image", source)).binary) == 12


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_no_two_pairs_run_together(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (form_secret_id(*one) == form_secret_id(*other)) == (one == other)
    assert form_secret_id(one[0], one[1] + other[0]) != form_secret_id(one[0] + one[1] + "1", other[0])


def test_half_a_pair_of_surrogates_is_a_name_like_any_other() -> None:
    assert object_key(FUNNEL, "\ud800", "f") != object_key(FUNNEL, "\\ud800", "f")


def test_ids_stand_in_pages_as_people_write_them() -> None:
    uuid = UUID("12345678-1234-5678-1234-567812345678")
    shown = [text_of(i) for i in (FUNNEL, "abc", 7, Int64(8), 9.0, uuid)]
    assert shown == [str(FUNNEL), "abc", "7", "8", "9", str(uuid)]


def test_what_is_strong() -> None:
    assert [is_strong_id(t) for t in ("", "1", "a" * 11, "a" * 12, str(FUNNEL))] == [False, False, False, True, True]
    strong = ["folder/photo.png", "0123456789/a.png", str(FUNNEL), str(UUID(int=1))]
    weak = ["", "a", "a/b.png", "012345678/a.png", "a-long-name-without-folder.png"]
    assert [is_strong_key(key) for key in (*strong, *weak)] == [True] * 4 + [False] * 5


def test_two_numbers_are_two_ids() -> None:
    assert document_id(FUNNEL, "step", 1) != document_id(FUNNEL, "step", 2)
    assert form_secret_id(7, "f") != form_secret_id(8, "f")
