"""What the layout reads of an original, and the one transaction that makes what its clone lacks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from engine import crash_points
from engine.core.errors import ClaimLost
from engine.core.model import Claim, DocId
from engine.edges import pipelines
from engine.edges.mongo.client import Document, Store, translated

# The page's own text is the steps' business; of 500 pages none crosses the wire for a layout (D16).
_WITHOUT_TEXT = {"raw_html": 0, "header_tracking_code": 0, "footer_tracking_code": 0, "clone": 0}

# One transaction's inserts: far below the 16 MB of an oplog entry, and short enough to hold no lock for long.
BATCH_DOCUMENTS = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents that one transaction inserts; a step and its components are never in two (D7)."""

    steps: Sequence[Document]
    components: Sequence[Document]
    images: Sequence[Document]


def read_funnel(store: Store, funnel_id: DocId) -> Document | None:
    """A funnel's document; None where it does not exist."""
    with translated(f"funnel {funnel_id}"):
        return store.funnels.find_one({"_id": funnel_id})


def read_original_steps(store: Store, funnel_id: DocId) -> list[Document]:
    """All fields but the page's text, oldest first; the cursor reads in batches by size."""
    with translated(f"steps of funnel {funnel_id}"):
        return list(store.steps.find({"funnel_id": funnel_id}, _WITHOUT_TEXT).sort("_id", 1))


def read_images(store: Store, funnel_id: DocId) -> list[Document]:
    """Image records of a funnel, oldest first."""
    with translated(f"images of funnel {funnel_id}"):
        return list(store.images.find({"ref_id": funnel_id}, {"clone": 0}).sort("_id", 1))


def read_parent_account(store: Store, account_id: DocId) -> DocId:
    """The account's parent (B4); None for a top account, and for one without a document."""
    with translated(f"account {account_id}"):
        account = store.db["_accounts"].find_one({"_id": account_id}, {"parent_account": 1})
    return None if account is None else account.get("parent_account")


def read_chat_token(store: Store, domain: str) -> str | None:
    """The chat token of ``domain``; None where there is none, or an empty one."""
    with translated(f"support_tokens of domain {domain!r}"):
        found = store.db["support_tokens"].find_one({"domain": domain}, {"token": 1})
    token = None if found is None else found.get("token")
    return token if isinstance(token, str) and token else None


def write_funnel_and_batch(
    store: Store, claim: Claim, funnel_update: list[dict[str, Any]], build: Callable[[datetime], Batch]
) -> None:
    """One fenced transaction: the funnel first, under the epoch, then the inserts. Safe to repeat as a whole.

    The funnel's write comes first, so that the epoch is checked, and the funnel held, before anything is made:
    a late writer makes nothing. ``build`` gets the server's time for the new documents.

    Raises:
        ClaimLost: Somebody else holds the funnel.
    """

    def body(session: ClientSession) -> None:
        funnel = store.funnels.find_one_and_update(
            pipelines.held(claim),
            funnel_update,
            projection={"updatedAt": 1},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if funnel is None:
            raise ClaimLost(f"funnel {claim.funnel_id}, epoch {claim.epoch}")
        batch = build(funnel["updatedAt"])
        for collection, documents in (
            (store.images, batch.images),
            (store.components, batch.components),
            (store.steps, batch.steps),
        ):
            if documents:
                collection.insert_many(documents, ordered=True, session=session)
        crash_points.reached("layout.writing", claim.funnel_id)

    with translated(f"layout of funnel {claim.funnel_id}"):
        store.transaction(body)
    crash_points.reached("layout.written", claim.funnel_id)
