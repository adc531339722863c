"""What a clone may still have of its original, and what it has of its own: read once, before any page is looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.core.errors import PermanentError
from engine.core.identity import text_of
from engine.core.model import Claim, DocId, FunnelPlan, Identity
from engine.core.references import ReferenceFinder
from engine.core.state import state_of
from engine.edges.mongo import repair_reads as edge
from engine.edges.mongo import standing, structure
from engine.edges.mongo.client import Store
from engine.flow.context import FunnelContext
from engine.flow.copier import Copier
from engine.flow.image_plan import bucket_of
from engine.flow.layout import chat_setting
from engine.settings import Settings
from engine.upkeep.repair.chat import ChatKeys
from engine.upkeep.repair.spoiled import spoiled_keys

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Image records of both sides."""

    originals: Mapping[str, Document]
    """Key of the original -> its record; of several the oldest."""
    copies: Mapping[str, list[Document]]
    """Key of the original -> the clone's records that name it, oldest first."""
    own: Mapping[str, Document]
    """Key of the clone -> its record."""
    sources: Mapping[str, str]
    """What a page may hold -> the key of the original that is meant: the key itself, or what it was spoiled to."""


@dataclass(frozen=True, slots=True)
class Survey:
    """All that the repairs of a clone's pages share."""

    context: FunnelContext
    step_ids: tuple[DocId, ...]
    """Every page of the clone, those that its users have added, too."""
    lost_ids: frozenset[str]
    """Ids of the original's pages that have none in the clone."""
    pictures: Pictures
    parent_account: DocId
    forms: frozenset[str]
    """Forms that the original's pages embed, and that are not the clone's."""
    chat_keys: ChatKeys
    """Tells wrong chat keys from right ones."""

    @property
    def claim(self) -> Claim:
        """Names the clone; nobody holds it, and nothing is fenced by it."""
        return self.context.plan.claim


def survey(store: Store, clone: Document, copier: Copier, settings: Settings) -> Survey:
    """Read the structure of both funnels, and each page of the original for the forms and chat keys that it has.

    Raises:
        PermanentError: The clone is asked for or in work, or its original is gone.
    """
    original = _original_of(store, clone)
    claim = _claim(clone)
    made = standing.read_made(store, claim.funnel_id, settings.steps.stale_minutes)
    step_ids = [step["_id"] for step in structure.read_original_steps(store, claim.original_id)]
    named = [state.original_step_id for state in made.steps]
    ids = _id_map(claim, made.steps, edge.steps_elsewhere(store, claim.original_id, named))
    pictures = _pictures(structure.read_images(store, claim.original_id), made.images, claim, ids)
    forms, chat_keys = _of_pages(store, step_ids)
    forms -= edge.own_forms(store, claim.funnel_id, sorted(forms))
    lost_ids = frozenset(text_of(step_id) for step_id in step_ids) - ids.keys()
    plan = FunnelPlan(
        claim=claim,
        steps=(),
        steps_total=len(made.steps),
        steps_done=len(made.steps),
        step_ids=tuple(state.step_id for state in made.steps),
        ids=ids,
        images=(),
        failures=(),
        chat=chat_setting(store, original, settings.chat.preview_domain),
    )
    context = FunnelContext(
        plan=plan,
        store=store,
        copier=copier,
        copy_deadline_s=settings.copy.deadline_seconds,
        finder=_finder((*ids, *lost_ids), pictures, settings.s3.bucket, forms),
        ids={Identity("id", old): new for old, new in ids.items()},
        images={},
    )
    parent_account = structure.read_parent_account(store, claim.account_id)
    known_keys = ChatKeys(plan.chat, chat_keys, partial(edge.tokens_among, store, claim.funnel_id))
    return Survey(context, plan.step_ids, lost_ids, pictures, parent_account, frozenset(forms), known_keys)


def _finder(ids: Iterable[str], pictures: Pictures, bucket: str, forms: Iterable[str]) -> ReferenceFinder:
    # The clone's own keys are looked for, too, and stay: the file name in one may hold an old id or key within.
    keys = dict.fromkeys((*pictures.sources, *pictures.own))
    records = (*pictures.originals.values(), *pictures.own.values())
    return ReferenceFinder(ids, keys, {bucket, *filter(None, map(bucket_of, records))}, forms)


def _original_of(store: Store, clone: Document) -> Document:
    for flag in ("pending", "in_progress"):
        if clone.get(flag) is True:
            raise PermanentError(f"clone {clone['_id']} is {flag}: it is cloned first, and can be repaired then")
    if state_of(clone) == "undoing":
        raise PermanentError(f"clone {clone['_id']} is being undone: there is nothing to repair")
    if clone["original_funnel_id"] == clone["_id"]:
        raise PermanentError(f"clone {clone['_id']} names itself as its original: there is nothing to mend it by")
    original = structure.read_funnel(store, clone["original_funnel_id"])
    if original is None:
        raise PermanentError(
            f"the original {clone['original_funnel_id']} of clone {clone['_id']} is gone: nothing tells what is its own"
        )
    return original


def _claim(clone: Document) -> Claim:
    """Names the clone for what is made as the engine makes it; 0 for an epoch where there was none."""
    state = clone.get("clone")
    known = state if isinstance(state, Mapping) else {}
    return Claim(
        funnel_id=clone["_id"],
        original_id=clone["original_funnel_id"],
        account_id=clone.get("account_id"),
        epoch=int(known.get("epoch") or 0),
        run=int(known.get("run") or 0),
        attempt=0,
        pass_id="",
    )


def _id_map(claim: Claim, steps: list[standing.StepState], foreign: list[DocId]) -> dict[str, str]:
    """As the layout has it: of two steps for one of the original's the done one, else the older (D8).

    A page of the original may be gone since; one that is ``foreign`` stands in another funnel, and is none of it.
    """
    known = [step for step in steps if step.original_step_id is not None and step.original_step_id not in foreign]
    ids: dict[str, str] = {}
    for step in sorted(known, key=lambda step: not step.done):
        ids.setdefault(text_of(step.original_step_id), text_of(step.step_id))
    return {**ids, text_of(claim.original_id): text_of(claim.funnel_id)}


def _pictures(originals: list[Document], records: list[Document], claim: Claim, ids: Mapping[str, str]) -> Pictures:
    by_key = {record["key"]: record for record in reversed(originals) if _is_key(record.get("key"))}
    copies: dict[str, list[Document]] = {}
    for record in records:
        source, key = record.get("source_key"), record.get("key")
        if isinstance(source, str) and source and _is_key(key) and key not in by_key and key != source:
            copies.setdefault(source, []).append(record)
    own = {record["key"]: record for record in records if _is_key(record.get("key")) and record["key"] not in by_key}
    # A record of the original may be gone since, and the clone's still name its key.
    keys = dict.fromkeys((*by_key, *(source for source in copies if source not in own)))
    funnel_id = (text_of(claim.original_id), text_of(claim.funnel_id))
    copied = {source: [record["key"] for record in found] for source, found in copies.items()}
    spoiled = spoiled_keys(keys, copied, funnel_id, ids)
    sources = {text: key for text, key in spoiled.items() if text not in own}
    return Pictures(by_key, copies, own, {**sources, **{key: key for key in keys}})


def _is_key(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _of_pages(store: Store, step_ids: list[DocId]) -> tuple[set[str], set[str]]:
    """Forms and chat keys on the original's pages."""
    finder = ReferenceFinder((), ())
    found: dict[str, set[str]] = {"form": set(), "chat": set()}
    for step_id in step_ids:
        page = edge.read_page(store, step_id)
        for references in finder.find_on_page(tuple(page.texts())) if page else ():
            for reference in references:
                found[reference.identity.kind].add(reference.identity.text)
    return found["form"], found["chat"]
