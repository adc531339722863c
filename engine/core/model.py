"""The nouns of the engine: small frozen values that cross process borders.

None of them holds a page's text: only ids, keys and figures travel between processes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

DocId = Any
"""A document's ``_id``: an ObjectId as a rule, any BSON value otherwise. Compared as BSON, never as text."""

FailureKind = Literal["image", "form", "chat", "components", "references"]
ReferenceKind = Literal["id", "image", "form", "chat"]


class Identity(NamedTuple):
    """What a reference points at, whatever spelling it was written in.

    ``text`` is an id's text, an object's key, a form's ``form_secret_id``; for chat the key that was found.
    """

    kind: ReferenceKind
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A part of a page that could not be cloned; the rest of the page was."""

    kind: FailureKind
    source: str
    reason: str

    def __str__(self) -> str:
        """The sentence that stands in ``errors``; equal failures read equal, so errors have no doubles."""
        return f"{self.kind} {self.source}: {self.reason}" if self.source else f"{self.kind}: {self.reason}"

    @classmethod
    def read(cls, sentence: str) -> "Failure | None":
        """The failure that a sentence of ``errors`` tells; None where it tells none, as why a whole clone failed."""
        told, colon, reason = sentence.partition(": ")
        kind, _, source = told.partition(" ")
        known = next((k for k in get_args(FailureKind) if k == kind), None)
        return None if known is None or not colon else cls(known, source, reason)


@dataclass(frozen=True, slots=True)
class Claim:
    """A funnel in our hands. ``epoch`` is the fencing token: every later write filters on it."""

    funnel_id: DocId
    original_id: DocId
    account_id: DocId
    epoch: int
    run: int
    """Counts requests: 1 for the first, one more each time ``pending`` is set again on an ended clone."""
    attempt: int
    """Starts at 1 for the first attempt of a run."""
    pass_id: str


def scope_of(claim: Claim) -> str:
    """Names a claim: the funnel and its epoch. By ``repr``: an ObjectId and its text are two ids."""
    return f"{claim.funnel_id!r}:{claim.epoch}"


@dataclass(frozen=True, slots=True)
class CopyOrder:
    """One object to be copied inside S3."""

    source_bucket: str
    source_key: str
    bucket: str
    key: str
    size_bytes: int | None
    """As recorded; None where the record does not say. Only decides how to copy, never what."""
    scope: str
    """``<funnel>:<epoch>``: within it a destination is copied once."""


@dataclass(frozen=True, slots=True)
class CopyOutcome:
    """What became of a CopyOrder. ``failure`` is None when the object stands at its destination."""

    key: str
    size_bytes: int
    failure: str | None = None
    transient: bool = False
    """The deadline ran out on errors that trying again may cure."""


@dataclass(frozen=True, slots=True)
class ImageWork:
    """One distinct image of the original and the clone's record for it."""

    record_id: DocId
    source_key: str
    key: str
    bucket: str
    size_bytes: int | None
    uploaded: bool


@dataclass(frozen=True, slots=True)
class StepWork:
    """One page still to be cloned."""

    original_id: DocId
    step_id: DocId
    components_id: DocId
    version: Any
    """The original's ``version`` when the layout was made: another one at load time means: plan anew."""
    name: str


@dataclass(frozen=True, slots=True)
class ChatSetting:
    """Whether the original has a chat widget, and the key that the clone's pages get."""

    enabled: bool
    token: str | None
    """None where ``support_tokens`` has none for ``domain``: the key becomes empty, and a Failure says so."""
    domain: str


@dataclass(frozen=True, slots=True)
class FunnelPlan:
    """All that the steps of one clone share; made once a funnel by the layout."""

    claim: Claim
    steps: tuple[StepWork, ...]
    steps_total: int
    steps_done: int
    step_ids: tuple[DocId, ...]
    """All steps of the clone that stand for one of the original's, in its order, done ones too."""
    ids: Mapping[str, str]
    """Text of an original id (funnel and all its steps) -> text of the clone's."""
    images: tuple[ImageWork, ...]
    failures: tuple[Failure, ...]
    """What no step can mend, such as an image record without a key."""
    chat: ChatSetting
    forms: tuple[str, ...] = ()
    """``form_secret_id`` of each form that any page of the original embeds; empty where no page is left to write."""

    @property
    def scope(self) -> str:
        """Names this claim of this funnel: the key of every per-funnel memory."""
        return scope_of(self.claim)

    def order(self, image: ImageWork) -> CopyOrder:
        """The copy of one image; within the plan's scope it is made once, whoever asks (D9)."""
        return CopyOrder(image.bucket, image.source_key, image.bucket, image.key, image.size_bytes, self.scope)


@dataclass(frozen=True, slots=True)
class Laid:
    """The layout stands; ``plan.steps`` may be empty when every page is done already (B5)."""

    plan: FunnelPlan


@dataclass(frozen=True, slots=True)
class Waits:
    """The funnel cannot be cloned yet; this is no attempt."""

    reason: str


@dataclass(frozen=True, slots=True)
class SourceGone:
    """The original does not exist."""

    original_id: DocId


@dataclass(frozen=True, slots=True)
class Rejected:
    """The funnel can never be cloned as asked."""

    reason: str


LayoutOutcome = Laid | Waits | SourceGone | Rejected


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step's work came to."""

    step_id: DocId
    failures: tuple[Failure, ...] = ()
    images_done: tuple[DocId, ...] = ()
    """Record ids of the images that stand at their destination."""
    copied: tuple[tuple[DocId, int], ...] = ()
    """(record id, bytes) of those that this step had copied; a step beside it may have had the same ones."""
    forms: int = 0
    """Form documents that this step made."""
    chat_keys: int = 0
    """Chat keys that were replaced."""
    kept: bool = False
    """The page was edited since it was asked for again, and stays as it is."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Stage -> seconds: load, images, forms, chat, rewrite, commit."""


@dataclass(frozen=True, slots=True)
class FinishResult:
    """What the end of a funnel came to."""

    state: Literal["completed", "unfinished"]
    errors: tuple[str, ...] = ()
    images_done: tuple[DocId, ...] = ()
    copied: tuple[tuple[DocId, int], ...] = ()
    """As in StepResult."""
