"""``retry``: an ended clone goes on from where it stands; what failed is done anew, what stands or was edited stays."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from engine.core.errors import ClaimLost, PlanOutdated
from engine.core.model import Laid
from engine.core.state import WrongState
from engine.edges.mongo.client import Store
from engine.flow.complete import end_source_gone, finish_funnel, park
from engine.flow.step import clone_step
from engine.settings import Settings
from engine.upkeep.cancel import cancel
from engine.upkeep.invariants import snapshot
from engine.upkeep.retry import Edited, Revived, Unknown, retry
from tests.at_command import at_command
from tests.clone_states import asked, completed, one_page_done, waiting
from tests.funnels import PREVIEW_DOMAIN, TOKEN, build_funnel, request_clone
from tests.in_process import Workshop
from tests.invariants import assert_sound
from tests.listing import everything
from tests.old_cloner import OldCloner
from tests.scene import of_clone

Document = dict[str, Any]


@pytest.fixture
def original(database: Any, s3: Any, bucket: str) -> ObjectId:
    """Four pages that share images and forms, with chat keys."""
    small: dict[str, Any] = {"image_bytes": 1_000, "forms": 2, "html_bytes": 3_000, "components_bytes": 3_000}
    return build_funnel(database, s3, bucket, steps=4, images=6, chat=True, **small)


class Gone:
    """A part of an original that is away for a time."""

    def __init__(self, store: Store, s3: Any, original: ObjectId) -> None:
        self.store, self.s3, self.original = store, s3, original

    def pages(self) -> list[Document]:
        return list(self.store.steps.find({"funnel_id": self.original}).sort("_id", 1))

    def take_image(self) -> Callable[[], object]:
        return self._take_object(self.store.images.find_one({"ref_id": self.original}, sort=[("_id", 1)]) or {})

    def take_image_that_no_page_shows(self) -> Callable[[], object]:
        record = self.store.images.find_one({"ref_id": self.original}, {"_id": 0}) or {}
        key = f"{ObjectId()}/on-record-only.png"
        unseen = {**record, "_id": ObjectId(), "key": key, "fileName": "on-record-only.png"}
        self.store.images.insert_one(unseen)
        self.s3.put_object(Bucket=record["additionalInfo"]["Bucket"], Key=key, Body=b"x" * 1_000)
        return self._take_object(unseen)

    def _take_object(self, record: Document) -> Callable[[], object]:
        where = {"Bucket": record["additionalInfo"]["Bucket"], "Key": record["key"]}
        found = self.s3.get_object(**where)
        again = {**where, "ContentType": found["ContentType"], "Metadata": found["Metadata"]}
        body = found["Body"].read()
        self.s3.delete_object(**where)
        return lambda: self.s3.put_object(**again, Body=body)

    def take_form(self) -> Callable[[], object]:
        form = self.store.forms.find_one_and_delete({}, sort=[("_id", 1)]) or {}
        return lambda: self.store.forms.insert_one(form)

    def take_token(self) -> Callable[[], object]:
        self.store.db["support_tokens"].delete_many({})
        return lambda: self.store.db["support_tokens"].insert_one({"domain": PREVIEW_DOMAIN, "token": TOKEN})

    def take_components(self) -> Callable[[], object]:
        found = self.store.components.find_one_and_delete({"step_id": self.pages()[0]["_id"]}) or {}
        return lambda: self.store.components.insert_one(found)


@pytest.fixture
def gone(store: Store, s3: Any, original: ObjectId) -> Gone:
    return Gone(store, s3, original)


def funnel_of(store: Store, clone_id: Any) -> Document:
    return store.funnels.find_one({"_id": clone_id}) or {}


def parts(store: Store, clone_id: Any) -> dict[str, Document]:
    """Every document of a clone but its funnel, by its place."""
    names = ("funnel.step", "funnel.step.components", "sites_images", "forms")
    found = {name: store.db[name].find(of_clone(name, clone_id)) for name in names}
    return {f"{name}/{document['_id']}": document for name, documents in found.items() for document in documents}


def events(store: Store) -> list[tuple[str, Any]]:
    told = store.outbox.find().sort("created_at", 1)
    return [(str(event["_id"]).split(":", 1)[1], event["payload"].get("errors")) for event in told]


def completed_with_errors(workshop: Workshop, database: Any, original: ObjectId) -> ObjectId:
    clone_id = request_clone(database, original)
    _, result = workshop.clone()
    assert result.errors
    return clone_id


def pages_with_errors(store: Store, clone_id: Any) -> list[Any]:
    found = store.components.find({"funnel_id": clone_id, "errors.0": {"$exists": True}}, {"step_id": 1})
    return sorted(components["step_id"] for components in found)


def revived(store: Store, clone_id: Any, *, force: bool = False) -> Revived:
    outcome = retry(store, str(clone_id), force=force)
    assert isinstance(outcome, Revived), outcome
    return outcome


def append(store: Store, step_id: Any, text: str, where: str) -> str:
    """Somebody edits a page; returns what then stands."""
    if where == "html":
        step = store.steps.find_one({"_id": step_id}) or {}
        store.steps.update_one({"_id": step_id}, {"$set": {"raw_html": step["raw_html"] + text}})
        return str(step["raw_html"] + text)
    components = store.components.find_one({"step_id": step_id}) or {}
    store.components.update_one({"_id": components["_id"]}, {"$set": {"components": components["components"] + text}})
    return str(components["components"] + text)


def text_of(store: Store, step_id: Any, where: str) -> Any:
    if where == "html":
        return (store.steps.find_one({"_id": step_id}) or {})["raw_html"]
    return (store.components.find_one({"step_id": step_id}) or {})["components"]


@pytest.mark.parametrize(
    "take",
    [Gone.take_image, Gone.take_image_that_no_page_shows, Gone.take_form, Gone.take_token, Gone.take_components],
    ids=["image", "image that no page shows", "form", "chat", "components"],
)
def test_d14_b17_b18_of_a_clone_with_errors_only_what_failed_is_done_again(
    store: Store,
    workshop: Workshop,
    database: Any,
    s3: Any,
    original: ObjectId,
    gone: Gone,
    take: Callable[[Gone], Callable[[], object]],
) -> None:
    give_back = take(gone)
    clone_id = completed_with_errors(workshop, database, original)
    failed = pages_with_errors(store, clone_id)
    images = store.images.count_documents({"ref_id": clone_id, "clone.error": {"$exists": True}})
    give_back()
    before, stood = snapshot(database, s3, original), parts(store, clone_id)
    outcome = revived(store, clone_id)
    assert (sorted(outcome.steps), outcome.images) == (failed, images)
    plan, result = workshop.clone()
    assert sorted(work.step_id for work in plan.steps) == failed
    assert result.errors == ()
    assert_sound(database, s3, clone_id, before, PREVIEW_DOMAIN)
    stands = parts(store, clone_id)
    assert stood.keys() <= stands.keys(), "nothing went"
    assert all(place.startswith("forms/") for place in stands.keys() - stood.keys()), "nothing but the form came"
    again = {f"funnel.step/{step_id}" for step_id in failed}
    changed = {place for place in stood if stood[place] != stands[place]}
    of_pages = {p for p in changed if p.startswith("funnel.step.components/") and stood[p]["step_id"] in failed}
    of_images = {p for p in changed if p.startswith("sites_images/") and stood[p]["uploaded"] is False}
    assert changed == again | of_pages | of_images
    assert len(of_images) == images
    assert [run for run, _ in events(store)] == ["1:completed", "2:completed"]
    assert [errors is None for _, errors in events(store)] == [False, True]


def asked_by_hand(store: Store, clone_id: Any) -> None:
    store.funnels.update_one({"_id": clone_id}, {"$set": {"pending": True}})


@pytest.mark.parametrize(
    "take",
    [Gone.take_image, Gone.take_image_that_no_page_shows, Gone.take_form, Gone.take_token],
    ids=["image", "image that no page shows", "form", "chat"],
)
def test_b18_a_clone_that_is_asked_for_again_by_its_flag_tells_no_failure_that_holds_no_more(
    store: Store,
    workshop: Workshop,
    database: Any,
    s3: Any,
    original: ObjectId,
    gone: Gone,
    take: Callable[[Gone], Callable[[], object]],
) -> None:
    give_back = take(gone)
    clone_id = completed_with_errors(workshop, database, original)
    failed = pages_with_errors(store, clone_id)
    give_back()
    before, stood = snapshot(database, s3, original), parts(store, clone_id)
    asked_by_hand(store, clone_id)
    plan, result = workshop.clone()
    assert sorted(work.step_id for work in plan.steps) == failed, "what is whole is not done again"
    assert result.errors == ()
    assert_sound(database, s3, clone_id, before, PREVIEW_DOMAIN)
    assert stood.keys() <= parts(store, clone_id).keys()
    assert events(store)[1] == ("2:completed", None)
    asked_by_hand(store, clone_id)
    plan, _ = workshop.clone()
    assert plan.steps == ()


def test_b17_within_a_run_a_page_with_errors_is_done_once_and_a_late_layout_opens_none_again(
    store: Store, workshop: Workshop, database: Any, original: ObjectId, gone: Gone
) -> None:
    gone.take_form()
    clone_id = completed_with_errors(workshop, database, original)
    failed = pages_with_errors(store, clone_id)
    asked_by_hand(store, clone_id)
    late = workshop.claim()
    store.funnels.update_one({"_id": clone_id}, {"$set": {"clone.pass": "dead"}})
    plan = workshop.plan()
    assert sorted(work.step_id for work in plan.steps) == failed
    assert plan.claim.run == late.run == 2
    workshop.clone_steps(workshop.context(plan))
    stands = everything(store)
    with pytest.raises(ClaimLost):
        workshop.lay_out(late)
    assert everything(store) == stands
    again = workshop.lay_out(plan.claim)
    assert isinstance(again, Laid)
    assert (again.plan.steps, again.plan.steps_done) == ((), 4), "their errors are of this run"


@pytest.mark.parametrize("where", ["html", "components"])
def test_a_page_that_was_edited_stays_when_its_clone_is_asked_for_again_by_its_flag(
    store: Store, workshop: Workshop, database: Any, original: ObjectId, gone: Gone, where: str
) -> None:
    give_back = gone.take_form()
    clone_id = completed_with_errors(workshop, database, original)
    page, *others = pages_with_errors(store, clone_id)
    edited = append(store, page, "<p>by hand</p>", where)
    give_back()
    asked_by_hand(store, clone_id)
    _, result = workshop.clone()
    assert text_of(store, page, where) == edited
    assert [error.split(" ")[0] for error in result.errors] == ["form"], "what it lacks is told"
    assert pages_with_errors(store, clone_id) == [page]
    assert others, "no other page had the form"


def test_b18_errors_that_hold_stay_without_doubles_and_those_that_hold_no_more_go(
    store: Store, workshop: Workshop, database: Any, s3: Any, original: ObjectId, gone: Gone
) -> None:
    give_back = gone.take_image()
    gone.take_form()
    clone_id = completed_with_errors(workshop, database, original)
    both = funnel_of(store, clone_id)["clone"]["errors"]
    assert [error.split(" ")[0] for error in both] == ["form", "image"]
    give_back()
    revived(store, clone_id)
    _, result = workshop.clone()
    assert list(result.errors) == both[:1]
    for components in store.components.find({"funnel_id": clone_id}):
        assert components["errors"] in ([], both[:1])
    revived(store, clone_id)
    _, result = workshop.clone()
    assert list(result.errors) == both[:1]
    assert_sound(database, s3, clone_id, None, PREVIEW_DOMAIN)
    assert events(store) == [("1:completed", 2), ("2:completed", 1), ("3:completed", 1)]


def spent(workshop: Workshop) -> None:
    """Its last attempt failed: a page is done, one was tried."""
    context = one_page_done(workshop)
    workshop.store.steps.update_one({"_id": context.plan.steps[1].step_id}, {"$set": {"clone.attempts": 3}})
    workshop.store.funnels.update_one({"_id": context.plan.claim.funnel_id}, {"$set": {"clone.attempts": 3}})
    park(workshop.store, context.plan.claim, "a reason")


def cancelled_at_work(workshop: Workshop) -> None:
    context = one_page_done(workshop)
    cancel(workshop.store, str(context.plan.claim.funnel_id), workshop.settings.scan, workshop.settings.steps)


def without_original(workshop: Workshop) -> None:
    """Its original was gone for a time, and is back."""
    context = one_page_done(workshop)
    end_source_gone(workshop.store, context.plan.claim)


@pytest.mark.parametrize(
    ("end", "state"),
    [(spent, "failed"), (cancelled_at_work, "cancelled"), (without_original, "source_deleted")],
)
def test_b21_a_parked_clone_goes_on_from_where_it_stood_with_attempts_of_its_own(
    store: Store,
    workshop: Workshop,
    database: Any,
    s3: Any,
    original: ObjectId,
    end: Callable[[Workshop], None],
    state: str,
) -> None:
    before = snapshot(database, s3, original)
    clone_id = request_clone(database, original)
    store.funnels.update_one({"_id": clone_id}, {"$set": {"error": ["of the product"]}})
    end(workshop)
    assert len(funnel_of(store, clone_id)["error"]) == 2
    done = store.steps.find_one({"funnel_id": clone_id, "pending": False}) or {}
    epoch = funnel_of(store, clone_id)["clone"]["epoch"]
    outcome = revived(store, clone_id)
    assert (outcome.was, len(outcome.steps)) == (state, 3)
    funnel = funnel_of(store, clone_id)
    assert (funnel["pending"], funnel["in_progress"], funnel["error"]) == (True, False, ["of the product"])
    assert (funnel["clone"]["epoch"], "original_funnel_deleted" in funnel) == (epoch + 1, False)
    assert {step["clone"]["attempts"] for step in store.steps.find({"funnel_id": clone_id, "pending": True})} == {0}
    plan, _ = workshop.clone()
    assert (plan.claim.run, plan.claim.attempt, plan.steps_done) == (2, 1, 1)
    assert store.steps.find_one({"_id": done["_id"]}) == done, "a done page stays done, to the byte"
    assert_sound(database, s3, clone_id, before, PREVIEW_DOMAIN)
    assert [run for run, _ in events(store)] == [f"1:{state}", "2:completed"]


@pytest.mark.parametrize("where", ["html", "components"])
def test_a_page_edited_since_is_named_and_nothing_is_written_unless_forced(
    store: Store, workshop: Workshop, database: Any, s3: Any, original: ObjectId, gone: Gone, where: str
) -> None:
    give_back = gone.take_image()
    clone_id = completed_with_errors(workshop, database, original)
    give_back()
    page = pages_with_errors(store, clone_id)[0]
    append(store, page, "<p>by hand</p>", where)
    stands = everything(store)
    outcome = retry(store, str(clone_id), force=False)
    assert isinstance(outcome, Edited)
    assert [(edited.step_id, edited.texts, edited.proved) for edited in outcome.pages] == [(page, (where,), True)]
    assert everything(store) == stands
    revived(store, clone_id, force=True)
    workshop.clone()
    assert "by hand" not in text_of(store, page, where)
    assert_sound(database, s3, clone_id, None, PREVIEW_DOMAIN)


def test_a_page_without_errors_may_be_edited_and_keeps_its_edit(
    store: Store, workshop: Workshop, database: Any, original: ObjectId, gone: Gone
) -> None:
    give_back = gone.take_components()
    clone_id = completed_with_errors(workshop, database, original)
    give_back()
    (failed,) = pages_with_errors(store, clone_id)
    other = (store.steps.find_one({"funnel_id": clone_id, "_id": {"$ne": failed}}) or {})["_id"]
    edited = append(store, other, "<p>by hand</p>", "html")
    assert revived(store, clone_id).steps == [failed]
    _, result = workshop.clone()
    assert result.errors == ()
    assert text_of(store, other, "html") == edited


@pytest.mark.parametrize("where", ["html", "components"])
def test_a_page_that_is_edited_as_its_clone_is_retried_is_seen_and_nothing_is_written(
    store: Store,
    settings: Settings,
    workshop: Workshop,
    database: Any,
    original: ObjectId,
    gone: Gone,
    where: str,
) -> None:
    gone.take_image()
    clone_id = completed_with_errors(workshop, database, original)
    page = pages_with_errors(store, clone_id)[0]
    edits: list[str] = []
    with at_command(
        settings, "update", "funnel.step", lambda: edits.append(append(store, page, "<p>by hand</p>", where))
    ) as late:
        outcome = retry(late, str(clone_id), force=False)
    assert isinstance(outcome, Edited)
    assert [edited.step_id for edited in outcome.pages] == [page]
    assert [text_of(store, page, where)] == edits
    assert funnel_of(store, clone_id)["pending"] is False
    assert store.steps.count_documents({"funnel_id": clone_id, "pending": True}) == 0


@pytest.mark.parametrize("where", ["html", "components"])
@pytest.mark.parametrize("moment", ["before the pass", "as it is committed"])
def test_a_page_that_is_edited_after_the_retry_stays_as_it_is_with_its_errors(
    store: Store,
    settings: Settings,
    workshop: Workshop,
    database: Any,
    original: ObjectId,
    gone: Gone,
    where: str,
    moment: str,
) -> None:
    give_back = gone.take_image()
    clone_id = completed_with_errors(workshop, database, original)
    give_back()
    page, other = pages_with_errors(store, clone_id)
    stood = {name: text_of(store, page, name) for name in ("html", "components")}
    revived(store, clone_id)
    if moment == "before the pass":
        append(store, page, "<p>by hand</p>", where)
    context = workshop.context(workshop.plan())
    works = {work.step_id: work for work in context.plan.steps}
    clone_step(works[other], context)
    if moment == "before the pass":
        result = clone_step(works[page], context)
    else:
        # The page was compared by now: its first write is that of its components.
        with at_command(
            settings, "update", "funnel.step.components", lambda: append(store, page, "<p>by hand</p>", where)
        ) as late:
            result = clone_step(works[page], replace(context, store=late))
    assert (result.kept, result.forms) == (True, 0)
    assert {name: text_of(store, page, name) for name in stood} == {**stood, where: stood[where] + "<p>by hand</p>"}
    ended = finish_funnel(context)
    assert len(ended.errors) == 1, "that page still leads to the original's image, and says so"
    assert pages_with_errors(store, clone_id) == [page]
    step = store.steps.find_one({"_id": page}) or {}
    assert (step["pending"], step["in_progress"], "guarded" in step["clone"]) == (False, False, False)
    assert isinstance(retry(store, str(clone_id), force=False), Edited)
    revived(store, clone_id, force=True)
    _, result_of_force = workshop.clone()
    assert result_of_force.errors == ()


def test_d1_a_clone_that_a_pass_takes_as_it_is_retried_is_left_to_the_pass(
    store: Store, settings: Settings, workshop: Workshop, database: Any, original: ObjectId, gone: Gone
) -> None:
    gone.take_image()
    clone_id = completed_with_errors(workshop, database, original)

    def ask_and_claim() -> None:
        store.funnels.update_one({"_id": clone_id}, {"$set": {"pending": True}})
        workshop.claim()

    with at_command(settings, "findAndModify", "funnels", ask_and_claim) as late:
        outcome = retry(late, str(clone_id), force=False)
    assert isinstance(outcome, WrongState)
    assert outcome.state == "cloning"
    assert store.steps.count_documents({"funnel_id": clone_id, "pending": True}) == 0
    assert funnel_of(store, clone_id)["clone"]["epoch"] == 3, "the claim's own"


def test_of_two_retries_at_the_same_moment_one_asks(
    store: Store, settings: Settings, workshop: Workshop, database: Any, original: ObjectId, gone: Gone
) -> None:
    gone.take_image()
    clone_id = completed_with_errors(workshop, database, original)
    epoch = funnel_of(store, clone_id)["clone"]["epoch"]
    with at_command(settings, "findAndModify", "funnels", lambda: revived(store, clone_id)) as late:
        outcome = retry(late, str(clone_id), force=True)
    assert isinstance(outcome, WrongState)
    assert outcome.state == "asked"
    assert funnel_of(store, clone_id)["clone"]["epoch"] == epoch + 1
    assert store.steps.count_documents({"funnel_id": clone_id, "clone.guarded": True}) == 2, "the other's force is none"


def cloning(workshop: Workshop) -> None:
    workshop.claim()


@pytest.mark.parametrize(
    ("state", "word"),
    [(asked, "is asked for"), (waiting, "waits"), (cloning, "in work"), (completed, "nothing to retry")],
)
def test_a_clone_that_has_not_ended_or_has_no_errors_is_refused_and_nothing_is_written(
    store: Store,
    workshop: Workshop,
    database: Any,
    original: ObjectId,
    state: Callable[[Workshop], None],
    word: str,
) -> None:
    clone_id = request_clone(database, original)
    state(workshop)
    stands = everything(store)
    outcome = retry(store, str(clone_id), force=True)
    assert isinstance(outcome, WrongState)
    assert (outcome.state, word in outcome.reason) == (state.__name__, True)
    assert everything(store) == stands


def test_what_is_no_clone_is_not_found(store: Store, original: ObjectId) -> None:
    for text, word in ((str(ObjectId()), "no clone has the id"), (str(original), "is no clone")):
        outcome = retry(store, text, force=False)
        assert isinstance(outcome, Unknown)
        assert word in outcome.reason


def test_a_page_whose_original_is_gone_stays_and_the_clone_is_not_lost_for_it(
    store: Store, workshop: Workshop, database: Any, original: ObjectId, gone: Gone
) -> None:
    gone.take_components()
    clone_id = completed_with_errors(workshop, database, original)
    (page,) = pages_with_errors(store, clone_id)
    store.steps.delete_one({"_id": gone.pages()[0]["_id"]})
    outcome = revived(store, clone_id)
    assert (outcome.steps, outcome.gone) == ([], [page])
    _, result = workshop.clone()
    assert (result.state, len(result.errors)) == ("completed", 1)
    store.funnels.delete_one({"_id": original})
    refused = retry(store, str(clone_id), force=False)
    assert isinstance(refused, WrongState)
    assert "original" in refused.reason


def test_a_clone_of_the_old_system_has_no_proof_and_is_retried_only_by_force(
    store: Store, workshop: Workshop, database: Any, s3: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    OldCloner(database, s3, clone_id, PREVIEW_DOMAIN).clone()
    store.components.update_many({"funnel_id": clone_id}, {"$set": {"errors": ["image a/b.png: no such object"]}})
    outcome = retry(store, str(clone_id), force=False)
    assert isinstance(outcome, Edited)
    assert [(page.texts, page.proved) for page in outcome.pages] == [(("html", "components"), False)] * 4
    revived(store, clone_id, force=True)
    plan, result = workshop.clone()
    assert (len(plan.steps), plan.claim.run, result.errors) == (4, 1, ())


def test_a_clone_of_a_retried_page_is_planned_anew(
    store: Store, workshop: Workshop, database: Any, original: ObjectId, gone: Gone
) -> None:
    gone.take_image()
    clone_id = completed_with_errors(workshop, database, original)
    request_clone(database, clone_id)
    context = workshop.context(workshop.plan())
    page = pages_with_errors(store, clone_id)[0]
    revived(store, clone_id)
    with pytest.raises(PlanOutdated, match=str(page)):
        clone_step(next(work for work in context.plan.steps if work.original_id == page), context)
