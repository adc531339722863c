"""``request``: asks for clones of a funnel, as anyone may by inserting a funnel that asks for it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from engine.core.model import Claim, DocId
from engine.edges.mongo import once, requests
from engine.edges.mongo.client import Document, Store
from engine.flow.ancestry import foreign
from engine.settings import CrossAccount


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    funnel: str
    """The text of the original's id."""
    name: str | None = None
    """None: the original's, with '(Clone)' behind it."""
    account: str | None = None
    """The text of an account's id; None: the original's account."""


@dataclass(frozen=True, slots=True)
class Requested:
    """Funnels that ask to become clones, oldest first; the next pass makes them."""

    funnel_ids: Sequence[DocId]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was written."""

    what: Literal["funnel", "account", "cross_account", "key"]
    reason: str
    """A sentence that names what was given."""


def request(store: Store, asked: Request, *, count: int = 1, rule: CrossAccount = "allow") -> Requested | Refused:
    """Ask for ``count`` clones. Not safe to repeat: each call asks for more of them.

    ``rule``: whose funnels an account may clone; whatever it is, the layout looks again.
    """
    found = _looked_up(store, asked, rule)
    if isinstance(found, Refused):
        return found
    original, name, account_id = found
    return Requested(requests.insert_requests(store, original["_id"], name, account_id, count))


def request_once(store: Store, asked: Request, key: str, rule: CrossAccount) -> Requested | Refused:
    """Ask for one clone, unless ``key`` was used: then the clone of then. Safe to repeat for a day.

    A repeat gets its clone whatever has become of the original and the account meanwhile.

    Returns:
        Refused: Also where the key was used for another request.
    """
    keyed = once.Keyed(key, asdict(asked))
    kept = once.find_request(store, keyed)
    if kept is None:
        found = _looked_up(store, asked, rule)
        if isinstance(found, Refused):
            return found
        original, name, account_id = found
        kept = once.insert_request_once(store, keyed, original["_id"], name, account_id)
    if not kept.same:
        return Refused("key", f"the idempotency key was used for another request, which is clone {kept.funnel_id}")
    return Requested([kept.funnel_id])


def _looked_up(store: Store, asked: Request, rule: CrossAccount) -> tuple[Document, str, DocId] | Refused:
    """The original, the clone's name and account."""
    original = requests.find_funnel(store, asked.funnel)
    if original is None:
        return Refused("funnel", f"no funnel has the id {asked.funnel}")
    account_id = original.get("account_id")
    if asked.account is not None:
        account = requests.find_account(store, asked.account)
        if account is None:
            return Refused("account", f"no account has the id {asked.account}")
        account_id = account["_id"]
    # A clone that is not there yet: only whose it would be matters to the rule.
    claim = Claim(None, original["_id"], account_id, epoch=0, run=0, attempt=0, pass_id="")
    forbidden = foreign(store, claim, original, rule)
    if forbidden is not None:
        return Refused("cross_account", forbidden.reason)
    name = asked.name if asked.name is not None else f"{original.get('name', '')} (Clone)"
    return original, name, account_id
