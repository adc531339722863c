"""``verify``: proves a clone against its original, or tells what is wrong with it. Writes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.edges.mongo import client as mongo
from engine.edges.mongo.client import Store
from engine.edges.s3 import answers as s3
from engine.upkeep.invariants import Account, Note, Part, Snapshot, Violation, examine

__all__ = ["PARTS", "Part", "Verification", "verify"]

PARTS: tuple[Part, ...] = ("steps", "texts", "forms", "images", "objects")


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found; the kinds of violations and notes are those of docs/verify.md."""

    clone_id: Any
    violations: tuple[Violation, ...]
    notes: tuple[Note, ...]
    checked: Mapping[Part, int]
    """How many of each part were looked at; an object counts where there were two to compare."""
    account: Account
    """Of every byte of the texts that were compared; with the spans that differ, if those were asked for."""

    @property
    def sound(self) -> bool:
        """Nothing is wrong. Notes are nothing wrong."""
        return not self.violations

    def document(self) -> dict[str, Any]:
        """The contract's answer (section 5), the notes, and the account; ``diff`` where the spans were asked for."""
        answer: dict[str, Any] = {
            "clone": str(self.clone_id),
            "sound": self.sound,
            "checked": dict(self.checked),
            "violations": [asdict(violation) for violation in self.violations],
            "notes": [asdict(note) for note in self.notes],
            "account": self.account.document(),
        }
        if self.account.keep:
            answer["diff"] = [span.document() for span in self.account.kept]
        return answer


def verify(
    store: Store,
    s3_client: Any,
    clone_id: Any,
    *,
    preview_domain: str = "",
    original_before: Snapshot | None = None,
    watch: Callable[[Part, int, int], None] | None = None,
    keep_spans: bool = False,
) -> Verification:
    """Prove a clone. Reads a page at a time; safe to repeat, and beside passes.

    Args:
        store: The product's database.
        s3_client: A boto3 client of the object store.
        clone_id: ``_id`` of the clone's funnel.
        preview_domain: Whose token its chat widgets must have; empty: any that ``support_tokens`` holds.
        original_before: What the original was before; without it, edits of it are told by dates and proofs alone.
        watch: Hears (part, how many are done, how many there are), from one thread.
        keep_spans: Whether to keep each span that differs, for ``diff``; they take memory, and are counted anyway.

    Raises:
        StoreUnavailable: MongoDB is away; trying again may help.
        ObjectStoreUnavailable: S3 is; trying again may help.
        AccessDenied: The credentials or rights do not suffice.
        PermanentError: A server refuses for any other reason.
    """
    what = f"clone {clone_id}"
    with mongo.translated(what), s3.translated(what):
        found = examine(
            store.db,
            s3_client,
            clone_id,
            original_before=original_before,
            preview_domain=preview_domain or None,
            watch=watch,
            keep_spans=keep_spans,
        )
    checked = {part: found.checked.get(part, 0) for part in PARTS}
    return Verification(clone_id, found.violations, found.notes, checked, found.account)
