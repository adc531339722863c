"""Forms (B15, D11): what any page embeds is moved on all pages, to one copy; on real servers, in one process."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import bson
import pytest
from bson import ObjectId
from pymongo import monitoring

from engine.core.identity import form_secret_id
from engine.edges.mongo import form_places, indexes
from engine.edges.mongo.client import Store, open_store
from engine.flow.complete import finish_funnel
from engine.flow.step import clone_step
from engine.settings import Settings
from tests.funnels import request_clone, unknown_fields
from tests.in_process import Workshop
from tests.plain_pages import ACCOUNT, Texts, errors_of, original, texts_of

FORM, SECOND, OTHER = (str(UUID(int=n * 0x1234567890ABCDEF1234567890ABCDEF % 2**128)) for n in (1, 2, 3))


def insert_form(store: Store, secret: str, **fields: Any) -> None:
    store.forms.insert_one({"form_secret_id": secret, "account_id": ACCOUNT, **unknown_fields(), **fields})


def test_b15_a_form_embedded_on_one_page_is_moved_wherever_its_id_stands_on_any(
    store: Store, workshop: Workshop, database: Any
) -> None:
    insert_form(store, FORM)
    pages = [
        (f'<iframe src="/userform/{FORM}?embed=1"></iframe>{OTHER}', "{}"),
        (None, json.dumps({"formId": FORM, "other": OTHER})),
        (f"<b data-form='{FORM}' id=x{FORM}>{OTHER}</b>", json.dumps([json.dumps({"a": f"/{FORM}/"}), f"0{FORM}"])),
    ]
    clone_id = request_clone(database, original(store, *pages), "the clone's")
    _, result = workshop.clone()
    assert (result.state, result.errors) == ("completed", ())
    new = form_secret_id(clone_id, FORM)
    (first, second, third) = texts_of(store, clone_id)
    assert first == (f'<iframe src="/userform/{new}?embed=1"></iframe>{OTHER}', "{}")
    assert second == (None, json.dumps({"formId": new, "other": OTHER}))
    assert third == (
        f"<b data-form='{new}' id=x{FORM}>{OTHER}</b>",
        json.dumps([json.dumps({"a": f"/{new}/"}), f"0{FORM}"]),
    )


def test_b15_one_form_on_all_pages_is_one_document_with_every_other_field_passed_through(
    store: Store, workshop: Workshop, database: Any
) -> None:
    insert_form(store, FORM, clone={"of": "another"})
    page = (f"/userform/{FORM}", json.dumps({"a": f"/userform/{FORM}", "b": FORM}))
    clone_id = request_clone(database, original(store, *[page] * 4), "the clone's")
    workshop.clone()
    (copy,) = store.forms.find({"clone.funnel_id": clone_id})
    source = store.forms.find_one({"form_secret_id": FORM}) or {}
    assert copy["account_id"] == "the clone's"
    assert copy["form_secret_id"] == form_secret_id(clone_id, FORM)
    own = {"_id", "form_secret_id", "account_id", "createdAt", "updatedAt", "clone"}
    kept = [{name: value for name, value in form.items() if name not in own} for form in (source, copy)]
    assert bson.encode(kept[0]) == bson.encode(kept[1])
    assert FORM not in str(texts_of(store, clone_id))


def test_d11_a_page_tried_again_after_the_one_that_embeds_is_done_gets_the_same_form(
    store: Store, workshop: Workshop, database: Any
) -> None:
    insert_form(store, FORM)
    clone_id = request_clone(database, original(store, (f"/userform/{FORM}", "{}"), (f"only {FORM}", "{}")))
    context = workshop.context(workshop.plan())
    clone_step(context.plan.steps[0], context)
    store.funnels.update_one({"_id": clone_id}, {"$set": {"clone.pass": "of a pass that died"}})
    resumed = workshop.context(workshop.plan())
    assert [work.step_id for work in resumed.plan.steps] == [context.plan.steps[1].step_id]
    assert resumed.plan.forms == (FORM,)
    (result,) = workshop.clone_steps(resumed)
    finish_funnel(resumed)
    assert result.forms == 0
    assert [html for html, _ in texts_of(store, clone_id)] == [
        f"/userform/{form_secret_id(clone_id, FORM)}",
        f"only {form_secret_id(clone_id, FORM)}",
    ]
    assert store.forms.count_documents({"clone.funnel_id": clone_id}) == 1


def test_b15_a_page_that_only_mentions_a_form_makes_its_copy_too(
    store: Store, workshop: Workshop, database: Any
) -> None:
    insert_form(store, FORM)
    clone_id = request_clone(database, original(store, (f"/userform/{FORM}", "{}"), (f"only {FORM}", "{}")))
    context = workshop.context(workshop.plan())
    first, second = (clone_step(work, context).forms for work in reversed(context.plan.steps))
    assert (first, second) == (1, 0)
    assert store.forms.count_documents({"clone.funnel_id": clone_id}) == 1


def test_b15_a_form_that_is_missing_is_a_failure_of_the_pages_that_embed_it(
    store: Store, workshop: Workshop, database: Any
) -> None:
    insert_form(store, SECOND)
    pages = [(f"/userform/{FORM}", "{}"), ("none", "{}"), (f"bare {FORM} {SECOND}", f'{{"a":"/userform/{SECOND}"}}')]
    clone_id = request_clone(database, original(store, *pages))
    workshop.clone()
    assert errors_of(store, clone_id) == [
        [f"form {FORM}: no form has this id"],
        [],
        [],  # to a page that does not embed it, it is a word as any other
    ]
    new = form_secret_id(clone_id, SECOND)
    assert [html for html, _ in texts_of(store, clone_id)] == [f"/userform/{FORM}", "none", f"bare {FORM} {new}"]
    flags = [step["processed"]["forms_processed"] for step in store.steps.find({"funnel_id": clone_id}).sort("name")]
    assert sorted(flags) == [False, True, True]


def test_b15_a_link_to_no_form_makes_its_word_on_other_pages_none(
    store: Store, workshop: Workshop, database: Any
) -> None:
    pages = [("/userform/registration", "{}"), ("our registration is open", "{}")]
    clone_id = request_clone(database, original(store, *pages))
    workshop.clone()
    assert errors_of(store, clone_id) == [["form registration: no form has this id"], []]


def test_b15_an_id_that_no_document_can_hold_ends_before_what_it_cannot(
    store: Store, workshop: Workshop, database: Any
) -> None:
    clone_id = request_clone(database, original(store, ("x", '{"u":"\\/userform\\/abcdefgh\\ud800ijklmnop"}')))
    workshop.clone()
    assert errors_of(store, clone_id) == [["form abcdefgh: no form has this id"]]


@pytest.mark.parametrize("spell", [lambda c: f"&amp;#x{ord(c):04x};", lambda c: f"\\\\u{ord(c):04x}"])
def test_b15_a_form_id_of_which_every_character_is_escaped_is_read_whole(
    store: Store, workshop: Workshop, database: Any, spell: Any
) -> None:
    insert_form(store, FORM)
    pages = [("/userform/" + "".join(map(spell, FORM)), "{}"), (f"bare {FORM}", "{}")]
    clone_id = request_clone(database, original(store, *pages))
    workshop.clone()
    new = form_secret_id(clone_id, FORM)
    assert [html for html, _ in texts_of(store, clone_id)] == [
        "/userform/" + "".join(map(spell, new)),
        f"bare {new}",
    ]


PLACES = [
    *("/userform/", "\\/userform\\/", "\\\\/userform\\\\/", "&#x2F;userform&sol;"),
    *("%2Fuserform%2F", "%2fuserform%2f", "%252Fuserform%252F"),
]
ENDS = ["?a=1", "/edit", '"', "'", "&amp;b", "\\", "\\u0022", "<br>", ""]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_d11_a_form_is_embedded_in_every_spelling_of_its_place_and_before_every_end(
    store: Store, workshop: Workshop, database: Any, place: str, end: str
) -> None:
    insert_form(store, FORM)
    clone_id = request_clone(database, original(store, (f"Grüße{place}{FORM}{end}", "{}"), (f"bare {FORM}{end}", "{}")))
    workshop.clone()
    new = form_secret_id(clone_id, FORM)
    assert [html for html, _ in texts_of(store, clone_id)] == [f"Grüße{place}{new}{end}", f"bare {new}{end}"]


def places_on(store: Store, *pages: Texts) -> list[str]:
    steps = store.steps.find({"funnel_id": original(store, *pages)})
    return list(form_places.read_form_places(store, [step["_id"] for step in steps]))


@pytest.mark.parametrize("place", [*PLACES, "\\u002fuserform\\u002F", "\\\\\\/userform\\\\\\/"])
def test_b15_a_places_surroundings_are_read_whatever_its_slashes_look_like(store: Store, place: str) -> None:
    text = f"{'Grüße 🙂 ' * 50}{place}{FORM}{'🙂' * 1_100}"
    (found,) = places_on(store, (text, "{}"))
    word = text.index("userform")
    assert found == text[word - 24 : word + len("userform") + 1_000]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", set()),
        ("no user form", set()),
        ("userform", {"userform"}),
        ("userformuserform", {"userform"}),
        ("/userform/1/userform/2", {"/userform/1/", "/1/userform/2"}),
        ("/userform/1?a'> <a src=' /userform/2", {"/userform/1?a'> <a src=' /", "/1?a'> <a src=' /userform/2"}),
        ("<b class='userform' src='/userform/1'>", {"<b class='userform' src='/", "' src='/userform/1'>"}),
    ],
)
def test_b15_forms_close_to_each_other_are_read_apart(store: Store, text: str, found: set[str]) -> None:
    places = places_on(store, (text, "{}"))
    assert (set(places), len(places)) == (found, len(found))


@pytest.mark.parametrize("odd", [None, 7, {"userform": "/userform/2"}, ["/userform/2"], b"/userform/2", ObjectId()])
def test_b15_what_is_no_text_embeds_no_form_and_hides_none(store: Store, odd: Any) -> None:
    assert set(places_on(store, (odd, "/userform/1"), ("/userform/3", odd))) == {"/userform/1", "/userform/3"}


def test_b15_of_two_components_documents_the_oldest_is_read_as_it_is_when_the_page_is_loaded(store: Store) -> None:
    step_id = original(store, ("", "/userform/1")) and (store.steps.find_one() or {})["_id"]
    store.components.insert_one({"step_id": step_id, "components": "/userform/2"})
    store.components.insert_one({"_id": ObjectId("0" * 24), "step_id": step_id, "components": "/userform/3"})
    store.steps.update_one({}, {"$unset": {"raw_html": ""}})
    assert list(form_places.read_form_places(store, [step_id])) == ["/userform/3"]


def test_b15_where_no_page_is_left_to_write_no_form_is_looked_for(
    store: Store, workshop: Workshop, database: Any
) -> None:
    insert_form(store, FORM)
    clone_id = request_clone(database, original(store, (f"/userform/{FORM}", "{}")))
    workshop.clone_steps(workshop.context(workshop.plan()))
    store.funnels.update_one({"_id": clone_id}, {"$set": {"clone.pass": "of a pass that died"}})
    plan = workshop.plan()
    assert (plan.steps, plan.forms) == ((), ())


class Wire(monitoring.CommandListener):
    """Keeps the aggregations that were sent, and counts what came back."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.bytes = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name == "aggregate":
            self.sent.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self.bytes += len(bson.encode(event.reply))

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Raises by itself."""


def big_page(secrets: Sequence[str], size: int, filler: str) -> str:
    """A page of ``size`` bytes with the forms spread over it."""
    embeds = [f'<iframe src="/userform/{secret}?embed=1"></iframe>' for secret in secrets]
    between = (size - sum(map(len, embeds))) // len(embeds) // len(filler.encode())
    return "".join(filler * between + embed for embed in embeds)


@pytest.mark.parametrize("filler", ["lorem ipsum ", "Grüße 🙂 äöü "])
def test_d16_pages_of_15_mb_are_read_without_a_page_crossing_the_wire_or_a_scan_of_the_collection(
    store: Store, settings: Settings, filler: str
) -> None:
    indexes.ensure(store, indexes.SHARED)
    secrets = [str(uuid4()) for _ in range(2_000)]
    halves = [big_page(half, 15_000_000, filler) for half in (secrets[:1_000], secrets[1_000:])]
    funnel_id = original(store, (halves[0], halves[1]))
    steps = [step["_id"] for step in store.steps.find({"funnel_id": funnel_id}, {"_id": 1})]
    wire = Wire()
    watched = open_store(settings.mongo, listeners=[wire])
    try:
        places = list(form_places.read_form_places(watched, steps))
    finally:
        watched.close()
    assert len(places) == len(secrets)
    assert {secret for secret in secrets if any(secret in place for place in places)} == set(secrets)
    assert wire.bytes < 2_000 * 2_000  # of 30 MB
    (sent,) = wire.sent
    asked = {key: sent[key] for key in ("aggregate", "pipeline", "cursor")}
    plan = store.db.command("explain", asked, verbosity="queryPlanner")
    assert "COLLSCAN" not in str(plan)
    assert "clone_step_components" in str(plan)


def test_b15_a_form_of_a_page_of_15_mb_is_moved_on_the_others(store: Store, workshop: Workshop, database: Any) -> None:
    insert_form(store, FORM)
    page = big_page([FORM], 14_900_000, "Grüße 🙂 äöü ")
    clone_id = request_clone(database, original(store, (page, "{}"), (f"only {FORM}", "{}")))
    _, result = workshop.clone()
    assert result.errors == ()
    new = form_secret_id(clone_id, FORM)
    assert [html for html, _ in texts_of(store, clone_id)] == [page.replace(FORM, new), f"only {new}"]


@pytest.mark.parametrize("place", ["userform{}", "/userform/{}", "<a href='/userform/{}'>"])
def test_b15_pages_of_nothing_but_places_give_no_more_of_them_than_a_layout_can_hold(store: Store, place: str) -> None:
    pages = ["".join(place.format(f"{half}{n}") for n in range(400_000)) for half in "ab"]
    places = places_on(store, (pages[0], pages[1]))
    assert len(places) == len(set(places)) == form_places.MOST_FORM_PLACES


ESCAPED = "&amp;#x002d;"


@pytest.mark.parametrize(
    ("embedded", "as_read", "shared"),
    [
        ("x" * 128, "x" * 128, True),
        (ESCAPED * 80 + "'" * 200, "-" * 80, True),
        (ESCAPED * 100, "-" * 83, False),
        (f"{'x' * 3}{ESCAPED * 100}", f"xxx{'-' * 83}", False),
    ],
    ids=["short", "before the cut", "in a cut escape", "at the cut"],
)
def test_b15_an_id_that_may_go_on_behind_the_cut_of_its_place_is_not_shared(
    store: Store, workshop: Workshop, database: Any, embedded: str, as_read: str, *, shared: bool
) -> None:
    insert_form(store, as_read)
    request_clone(database, original(store, (f"/userform/{embedded}", "{}")))
    assert workshop.plan().forms == ((as_read,) if shared else ())
