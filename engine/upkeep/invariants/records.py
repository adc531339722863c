"""Reads documents raw and type for type; shares no query and no codec with the engine that it judges."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS

Document = dict[str, Any]

# Every BSON value must come back to the same bytes: dates as milliseconds, UUIDs as Binary with their subtype.
_CODEC: CodecOptions[Document] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)

FUNNELS = "funnels"
STEPS = "funnel.step"
COMPONENTS = "funnel.step.components"
IMAGES = "sites_images"
FORMS = "forms"
ACCOUNTS = "_accounts"
USERS = "users"
TOKENS = "support_tokens"
OUTBOX = "clone_outbox"


def bson_of(value: Any) -> bytes:
    """The value's BSON: equal bytes, equal values of equal types."""
    return bson.encode({"v": value}, codec_options=_CODEC)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as BSON, types included: an int32 is no int64, and no double."""
    return bson_of(one) == bson_of(other)


def same_set(some: Iterable[Any], others: Iterable[Any]) -> bool:
    """Whether two collections of values are equal as BSON, in any order."""
    return sorted(map(bson_of, some)) == sorted(map(bson_of, others))


def place(collection: str, document: Mapping[str, Any]) -> str:
    """Where a violation is: ``<collection>/<_id>``."""
    return f"{collection}/{document['_id']}"


def sub_document(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The sub-document of that name; an empty one where there is none."""
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def sentences(document: Mapping[str, Any], name: str = "errors") -> list[str]:
    """The list of errors that a document holds."""
    value = document.get(name)
    return [str(entry) for entry in value] if isinstance(value, list) else []


def changed_fields(original: Mapping[str, Any], clone: Mapping[str, Any], own: frozenset[str]) -> list[str]:
    """Names of the original's fields that the clone lacks or has otherwise; ``own`` are the clone's own fields."""
    return [
        name
        for name, value in original.items()
        if name not in own and (name not in clone or not same(value, clone[name]))
    ]


def edited_since(document: Mapping[str, Any], moment: Any) -> bool:
    """Whether a document says that it was made or edited after ``moment``; False where that cannot be told."""
    if not isinstance(moment, DatetimeMS):
        return False
    dates = [document.get(name) for name in ("updatedAt", "createdAt")]
    told = [int(date) for date in dates if isinstance(date, DatetimeMS)]
    version, own_id = document.get("version"), document.get("_id")
    if isinstance(version, int | float) and not isinstance(version, bool):
        told.append(int(version))
    if isinstance(own_id, ObjectId):
        told.append(int(own_id.generation_time.timestamp() * 1000))
    return any(date > int(moment) for date in told)


def one(database: Any, collection: str, query: Mapping[str, Any]) -> Document | None:
    """The oldest document that the query finds."""
    found = many(database, collection, query, limit=1)
    return found[0] if found else None


def many(
    database: Any, collection: str, query: Mapping[str, Any], *, without: Sequence[str] = (), limit: int = 0
) -> list[Document]:
    """All documents that the query finds, by ``_id``; ``without`` names fields to leave out."""
    raw = database.get_collection(collection, codec_options=_CODEC)
    return list(raw.find(dict(query), dict.fromkeys(without, 0) or None).sort("_id", 1).limit(limit))


@dataclass(frozen=True, slots=True)
class Structure:
    """A funnel without its texts: original or clone."""

    funnel: Document
    steps: list[Document]
    """Without ``raw_html``; in the order of the funnel's ``steps``, then those that it does not list by ``_id``."""
    images: list[Document]

    @property
    def id(self) -> Any:
        """The funnel's ``_id``."""
        return self.funnel["_id"]


def read_structure(database: Any, funnel: Document) -> Structure:
    """Read a funnel's steps and image records."""
    steps = many(database, STEPS, {"funnel_id": funnel["_id"]}, without=("raw_html",))
    listed = funnel.get("steps") if isinstance(funnel.get("steps"), list) else []
    order = {bson_of(step_id): position for position, step_id in reversed(list(enumerate(listed or [])))}
    steps.sort(key=lambda step: order.get(bson_of(step["_id"]), len(order) + len(listed or [])))
    return Structure(funnel, steps, many(database, IMAGES, {"ref_id": funnel["_id"]}))


def read_text(database: Any, step_id: Any) -> Any:
    """A page's ``raw_html``."""
    step = one(database, STEPS, {"_id": step_id})
    return None if step is None else step.get("raw_html")


def read_components(database: Any, step_id: Any) -> list[Document]:
    """All components documents of a page, oldest first."""
    return many(database, COMPONENTS, {"step_id": step_id})
