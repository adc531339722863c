"""Checks the two texts of each page: against the original's, for what is left of it, and for what leads elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.invariants.embeds import Embeds
from engine.upkeep.invariants.finding import Finder
from engine.upkeep.invariants.proofs import fingerprint
from engine.upkeep.invariants.records import FORMS, Structure, many, same, sub_document
from engine.upkeep.invariants.references import Reference, own_references
from engine.upkeep.invariants.remains import elsewhere, encoded_forms, remains
from engine.upkeep.invariants.spelling import embedded_forms
from engine.upkeep.invariants.texts import Comparison
from engine.upkeep.invariants.violations import Findings


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a page, both sides."""

    where: str
    old: Any
    new: Any
    read: str | None
    """Hash of what the clone was made of, as its proof tells; None where it tells nothing."""
    written: str | None
    """Hash of what was written then."""


class ContentCheck:
    """Checks texts, one page at a time; afterwards ``forms`` and ``unproved`` tell which forms they embed."""

    def __init__(
        self,
        database: Any,
        sides: tuple[Structure, Structure],
        references: Sequence[Reference],
        embeds: Embeds,
        tokens: Sequence[str],
        findings: Findings,
    ) -> None:
        """``sides``: original and clone; ``references``: the original's, but for its forms, ``embeds``."""
        self.forms: dict[str, set[str]] = {}
        """Original form id -> ids of its copies, as found on the clone's pages."""
        self.unproved: set[str] = set()
        """Forms on pages whose originals were edited since."""
        self._database, self._embeds, self._tokens, self._findings = database, embeds, tokens, findings
        self._clone_id = sides[1].id
        self._chat = sides[0].funnel.get("live_chat_widget") is True
        self._finder = Finder(references)
        self._search = Finder(own_references(references), self._finder)
        self._known = _known(sides)
        buckets = {sub_document(record, "additionalInfo").get("Bucket") for side in sides for record in side.images}
        self._buckets = sorted(bucket for bucket in buckets if isinstance(bucket, str) and bucket)

    def check(self, texts: Sequence[Text], errors: list[str], total: int) -> None:
        """Check the texts of one page, whose recorded failures are ``errors``; ``total``: texts in all."""
        forms = self._embeds.references(text.old for text in texts if isinstance(text.old, str))
        for text in texts:
            self._findings.count("texts", total)
            edited = text.read is not None and text.read != fingerprint(text.old)
            if edited:
                self._edited(text)
            elif isinstance(text.old, str) and isinstance(text.new, str):
                self._compare(text, Finder(forms, self._finder), errors)
            else:
                changed = f"{text.old!r:.40} became {text.new!r:.40}"
                self._findings.unless(same(text.old, text.new), "text_changed", text.where, changed)
            if isinstance(text.new, str):
                self._look_for_remains(text, Finder(forms, self._search), errors, plain=edited)

    def _edited(self, text: Text) -> None:
        self._findings.note("original_edited", text.where, "its original is not the text any more that was cloned")
        as_written = text.written is None or text.written == fingerprint(text.new)
        detail = "is not what was written, as clone.proof tells, and the original was edited since"
        self._findings.unless(as_written, "text_changed", text.where, detail)
        if isinstance(text.new, str):
            self.unproved.update(embedded_forms(text.new))

    def _compare(self, text: Text, finder: Finder, errors: list[str]) -> None:
        comparison = Comparison(
            text.where, Layer(text.old), text.new, finder, self._chat, self._tokens, errors, self._findings
        )
        comparison.walk()
        for secret, copies in comparison.forms.items():
            self.forms.setdefault(secret, set()).update(copies)

    def _look_for_remains(self, text: Text, finder: Finder, errors: list[str], *, plain: bool) -> None:
        stack = Layer(text.new).stack
        for remain in remains(stack, finder, errors, plain=plain):
            reference = remain.occurrence.reference
            detail = f"{reference.kind} {reference.text} of the original, at {remain.at}, as {remain.shown!r}"
            self._findings.add("reference_left", text.where, detail)
        copies = {copy for found in self.forms.values() for copy in found} | self.unproved
        forms = {reference.text for reference in finder.references if reference.kind == "form"}
        hidden = [secret for secret in encoded_forms(stack) if secret not in copies | forms]
        for form in many(self._database, FORMS, {"form_secret_id": {"$in": hidden}}) if hidden else ():
            if not same(sub_document(form, "clone").get("funnel_id"), self._clone_id):
                detail = f"form {form['form_secret_id']}, which is not the clone's, in an encoding"
                self._findings.add("reference_left", text.where, detail)
        known = self._known | copies | forms
        for outside in elsewhere(stack[-1].text, known, self._buckets):
            if not any(outside.partition(" ")[2] in error for error in errors):
                self._findings.note("outside_reference", text.where, f"{outside} is of another funnel, or of none")


def _known(sides: Iterable[Structure]) -> frozenset[str]:
    known: set[str] = set()
    for side in sides:
        known.update([str(side.id), *(str(step["_id"]) for step in side.steps)])
        known.update(str(record.get("key")).partition("/")[0] for record in side.images)
    return frozenset(known)
