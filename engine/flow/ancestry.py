"""What hinders a clone before any page is looked at: an original that is itself no finished funnel."""

from typing import Any

from engine.core.model import Claim, Rejected, Waits
from engine.core.state import state_of
from engine.edges.mongo import structure
from engine.edges.mongo.client import Store
from engine.settings import CrossAccount

_PARKED = frozenset({"failed", "cancelled", "source_deleted"})

# A chain of clones of clones longer than this is taken for a circle.
MAX_CHAIN = 100


def obstacle(store: Store, claim: Claim, original: dict[str, Any]) -> Waits | Rejected | None:
    """Why the funnel cannot be cloned now (Waits) or as asked (Rejected); None where nothing hinders.

    An original that is being cloned is waited for; where the chain of unfinished originals leads back to the clone
    itself, all of them would wait for ever.
    """
    if claim.original_id == claim.funnel_id:
        return Rejected(f"funnel {claim.funnel_id} is its own original")
    clone = original.get("clone")
    state = clone.get("state") if isinstance(clone, dict) else None
    if state_of(original) == "undoing":
        return Rejected(f"original {claim.original_id} is itself a clone that is being undone")
    if not _unfinished(original):
        return (
            Rejected(f"original {claim.original_id} is itself a clone that {_ENDS[state]}")
            if state in _PARKED
            else None
        )
    ancestor: dict[str, Any] | None = original
    for _ in range(MAX_CHAIN):
        if ancestor is None or not _unfinished(ancestor):
            return Waits(f"original {claim.original_id} is itself being cloned")
        above = ancestor.get("original_funnel_id")
        if above == claim.funnel_id:
            break
        ancestor = structure.read_funnel(store, above)
    return Rejected(f"funnel {claim.funnel_id} and its original {claim.original_id} wait for each other")


def foreign(store: Store, claim: Claim, original: dict[str, Any], rule: CrossAccount) -> Rejected | None:
    """Whether the rule of the house forbids to clone over accounts (``scan.cross_account``); None where it does not.

    ``family``: the same account, parent and child, or children of one parent.
    """
    theirs, ours = original.get("account_id"), claim.account_id
    if rule == "allow" or theirs == ours:
        return None
    if rule == "family":
        family = {repr(structure.read_parent_account(store, account) or account) for account in (theirs, ours)}
        if len(family) == 1:
            return None
    return Rejected(f"original {claim.original_id} belongs to another account (scan.cross_account={rule})")


_ENDS = {"failed": "failed", "cancelled": "was cancelled", "source_deleted": "lost its own original"}


def _unfinished(funnel: dict[str, Any]) -> bool:
    return funnel.get("pending") is True or funnel.get("in_progress") is True
