"""What is in the way of a clone, or will be missing from it: each kind has a stable name (docs/plan.md)."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "original_unfinished",  # it is itself being cloned: a clone of it waits
    "original_parked",  # it is itself a clone that failed: a clone of it fails
    "step_missing",  # `steps` lists a page that there is not
    "page_changed",  # it was edited or deleted while it was planned: it is not counted
    "html_not_text",  # a page's raw_html is neither text nor null: the clone fails
    "components_missing",  # a page has no components document
    "components_not_text",  # its components are no text: the clone fails
    "page_near_limit",  # a document of the clone comes near the 16 MB that MongoDB stores
    "page_too_large",  # it would be larger: the clone fails
    "image_missing",  # there is no object behind an image's record
    "image_unreadable",  # the object's head is refused
    "image_without_key",  # the record names no object
    "form_missing",  # a page embeds a form that there is not
    "references_given_up",  # of a page of nothing but escapes: what it spells in unusual ways may stay
    "chat_token_missing",  # the chat widget gets an empty key
    "reference_stays",  # it is spelled in a way that is not replaced, and will lead to the original
    "weak_identity",  # too short to be told by itself: replaced in its own place only
]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that a clone would meet."""

    kind: Kind
    where: str
    """``<collection>/<_id>``, or an object's bucket and key."""
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}: {self.detail}"


@dataclass(slots=True)
class Problems:
    """What was found so far, each once."""

    found: dict[Problem, None] = field(default_factory=dict)

    def add(self, kind: Kind, where: str, detail: str) -> None:
        """Note a problem; the same one again changes nothing."""
        self.found[Problem(kind, where, detail)] = None
