"""What holds for whatever document: broken, one of these says by name what does not."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise

from engine.core.model import Identity
from engine.core.references import Reference, ReferenceFinder
from engine.core.rewrite import rewrite
from tests.corpus.identities import Identities, finder_of, replacements
from tests.fuzz.documents import Document

Rewrite = Callable[[str, Sequence[Reference], Mapping[Identity, str]], str]
Moves = Mapping[Identity, str]


class PropertyBroken(AssertionError):
    """Names the property, and shows where."""


@cache
def finder(identities: Identities) -> ReferenceFinder:
    """Built once: a fuzzer asks for it a hundred thousand times."""
    return finder_of(identities)


def check(made: Document, move: Rewrite = rewrite) -> int:
    """Raises ``PropertyBroken`` where a property does not hold; else tells how many references there were."""
    found = finder(made.old).find_on_page(made.texts)
    moves = replacements(made.old, made.new)
    for text, references in zip(made.texts, found, strict=True):
        _ordered_and_disjoint(text, references)
        _same_by_itself(text, references, move)
        _rest_untouched(text, references, moves, move)
    after = tuple(move(text, references, moves) for text, references in zip(made.texts, found, strict=True))
    if made.expected is not None and after != made.expected:
        raise PropertyBroken(f"as its writer would have written it: {_differing(after, made.expected)}")
    if made.kind != "text":
        _nothing_old(made, after, found)
    if made.expected is not None:
        _there_and_back(made, after, move)
    return sum(map(len, found))


def _ordered_and_disjoint(text: str, references: Sequence[Reference]) -> None:
    bounds = [0, *(bound for reference in references for bound in (reference.start, reference.end)), len(text)]
    if any(one > other for one, other in pairwise(bounds)):
        raise PropertyBroken(f"ordered and disjoint: {references} in {text!r}")


def _same_by_itself(text: str, references: Sequence[Reference], move: Rewrite) -> None:
    """A chat key is the exception: it is written anew, in the one way that is right at any depth."""
    itself = {r.identity: r.identity.text for r in references if r.identity.kind != "chat"}
    after = move(text, references, itself)
    if after != text:
        raise PropertyBroken(f"replaced by itself it stays: {_differing((after,), (text,))}")


def _rest_untouched(text: str, references: Sequence[Reference], moves: Moves, move: Rewrite) -> None:
    pieces, read = [], 0
    for reference in references:
        alone = move(text, [reference], moves)
        head, tail = text[: reference.start], text[reference.end :]
        if not (alone.startswith(head) and alone.endswith(tail) and len(alone) >= len(head) + len(tail)):
            raise PropertyBroken(f"the rest is untouched: {reference} in {text!r}")
        pieces += [text[read : reference.start], alone[len(head) : len(alone) - len(tail)]]
        read = reference.end
    if move(text, references, moves) != "".join([*pieces, text[read:]]):
        raise PropertyBroken(f"one replacement hits no other: {text!r}")


def _nothing_old(made: Document, after: Sequence[str], found: Sequence[Sequence[Reference]]) -> None:
    """What was found is not found again; what only then comes to stand by itself was another identity."""
    moves = replacements(made.old, made.new)
    for text, references, before in zip(after, finder(made.old).find_on_page(after), found, strict=True):
        moved = {reference.identity for reference in before if reference.identity in moves}
        again = [reference for reference in references if reference.identity in moved]
        if again:
            raise PropertyBroken(f"nothing old is left: {again} in {text!r}")


def _there_and_back(made: Document, after: tuple[str, ...], move: Rewrite) -> None:
    back, found = replacements(made.new, made.old), finder(made.new).find_on_page(after)
    again = tuple(move(text, references, back) for text, references in zip(after, found, strict=True))
    if again != made.texts:
        raise PropertyBroken(f"moved back it is what it was: {_differing(again, made.texts)}")


def _differing(texts: Sequence[str], expected: Sequence[str]) -> str:
    one, other = next(pair for pair in zip(texts, expected, strict=True) if pair[0] != pair[1])
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    around = slice(max(0, at - 60), at + 80)
    return f"{one[around]!r} instead of {other[around]!r}"
