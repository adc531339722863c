"""Identities that a clone derives: the same however often, wherever and by whomever they are made (ADR 2). Pure.

What is hashed is made of parts with their lengths before them, so that no two lists of parts read alike, and an id
carries its type: the number 1, the text ``1`` and an ObjectId are three different ids in BSON, and here, too. Numbers
are one type, as BSON compares them: 1, Int64(1) and 1.0 are one id.
"""

import re
from hashlib import sha256
from uuid import UUID, uuid5

from engine.core.model import DocId

NAMESPACE = UUID("6f1d2c0e-8a57-4b3e-9d7f-2f7b0c5e41a9")
"""Never to be changed: every identity of every clone hangs on it."""

_STRONG_ID = 12
_STRONG_KEY = 16
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def object_key(funnel_id: DocId, source_key: str, file_name: str) -> str:
    """The key of an image's copy, in the product's form ``<uuid>/<fileName>`` (B14).

    Without a file name the last part of ``source_key`` takes its place, else ``file``.
    """
    name = file_name or source_key.rpartition("/")[2] or "file"
    return f"{uuid5(NAMESPACE, _joined('object', _typed(funnel_id), source_key))}/{name}"


def form_secret_id(funnel_id: DocId, original: str) -> str:
    """The ``form_secret_id`` of a form's copy: one per form and clone, on however many pages (B15, D11)."""
    return str(uuid5(NAMESPACE, _joined("form", _typed(funnel_id), original)))


def document_id(funnel_id: DocId, kind: str, source: DocId) -> str:
    """The ``_id`` of what the clone makes of ``source``, as 24 hex digits.

    The first 8 digits are those of the clone's own ObjectId, its time, so that what belongs together lies together
    in the index; where the clone has no ObjectId they are of the hash.
    """
    digits = sha256(_joined(kind, _typed(funnel_id), _typed(source)).encode()).hexdigest()
    funnel = str(funnel_id)
    time = funnel[:8].lower() if _OBJECT_ID.fullmatch(funnel) else digits[16:24]
    return time + digits[:16]


def may_be_derived(funnel_id: DocId, doc_id: DocId) -> bool:
    """Whether ``doc_id`` can be a ``document_id`` of this clone: it begins as the clone's own ObjectId does.

    A copy that somebody made of such a document begins with the time at which they made it. Where the clone has no
    ObjectId nothing can be told, and it may.
    """
    funnel = str(funnel_id)
    return not _OBJECT_ID.fullmatch(funnel) or str(doc_id)[:8] == funnel[:8].lower()


def text_of(doc_id: DocId) -> str:
    """The text of an id as pages hold it: hex, decimal, a UUID in its usual form."""
    if isinstance(doc_id, float) and doc_id.is_integer():
        return str(int(doc_id))
    return str(doc_id)


def is_strong_id(text: str) -> bool:
    """Whether an id is one wherever it stands; a weaker one is only in its own place, such as behind ``/step/``."""
    return len(text) >= _STRONG_ID


def is_strong_key(key: str) -> bool:
    """Whether an object key is one wherever it stands; a weaker one is only in an object's URL."""
    if "/" in key and len(key) >= _STRONG_KEY:
        return True
    return bool(_OBJECT_ID.fullmatch(key) or _UUID.fullmatch(key))


def _typed(doc_id: DocId) -> str:
    if isinstance(doc_id, str):
        return f"text {doc_id}"
    if isinstance(doc_id, int | float) and not isinstance(doc_id, bool):
        return f"number {text_of(doc_id)}"
    return f"other {doc_id}"


def _joined(*parts: str) -> str:
    """Lengths are of the text before its escape, so an escaped half of a pair is told from its spelled-out escape."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return joined.encode("utf-8", "backslashreplace").decode()
