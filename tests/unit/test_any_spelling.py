"""Random pages of references in random spellings: moved, and moved back, byte for byte (B13, D17, D18)."""

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from engine.core.model import Identity
from engine.core.references import ReferenceFinder
from engine.core.rewrite import rewrite
from engine.core.spellings import Reference
from tests.writers import json_units

PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
Form = Callable[[str], str]


def percent(char: str, form: str = "02X") -> str:
    return "".join(f"%{byte:{form}}" for byte in char.encode())


@dataclass(frozen=True)
class Kind:
    """A way of escaping: what it must escape, and the forms that it has."""

    must: str
    forms: tuple[Form, ...]


KINDS = {
    "percent": Kind("%", (percent, lambda char: percent(char, "02x"))),
    "html": Kind("&", (lambda c: f"&#{ord(c)};", lambda c: f"&#x{ord(c):x};", lambda c: f"&#X{ord(c):05X};")),
    "json": Kind('\\"', (json_units, lambda char: json_units(char, "04X"))),
    "css": Kind("\\", (lambda char: f"\\{ord(char):x} ", lambda char: f"\\{ord(char):06x} ")),
}
USUAL = {"%": "%25", "&": "&amp;", '"': '\\"', "\\": "\\\\"}
NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "é": "&eacute;", "/": "&sol;"}
SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n"}


@st.composite
def written(draw: st.DrawFn, text: str, *, plain: bool) -> str:
    """The text through up to four writers; with ``plain`` the first of them escapes plain characters, too.

    A writer that escapes those is the only one that goes beyond what it must, and those around it do it as is usual:
    such chains are what the table promises.
    """
    chain = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=int(plain), max_size=3 if plain else 4))
    for depth, name in enumerate(chain):
        text = draw(layer(name, text, plain=plain and not depth, more=not plain))
    return text


@st.composite
def layer(draw: st.DrawFn, name: str, text: str, *, plain: bool, more: bool) -> str:
    kind = KINDS[name]
    seen = "".join(dict.fromkeys(text))
    optional = [char for char in seen if char not in kind.must and (char in PLAIN if plain else char not in PLAIN)]
    chosen = set(draw(st.lists(st.sampled_from(optional)))) if optional and (plain or more) else set()
    if chosen & set("&#;"):
        chosen |= set("&#;")  # nobody escapes the end of a character reference, and not its beginning
    form = draw(st.sampled_from(kind.forms))
    named = draw(st.booleans()) and name in ("html", "json")
    short = {"html": NAMED, "json": SHORT}.get(name, {}) if named else {}
    if not plain and not more:
        short = USUAL
    return "".join(short.get(char, form(char)) if char in chosen or char in kind.must else char for char in text)


HEX = st.text("0123456789abcdef", min_size=24, max_size=24)
NAMES = st.text("abz09 é&\"\\/'ü😀%+#;()<>\n.", min_size=1, max_size=10).map("{}.png".format)
GAPS = st.text(max_size=10).map(lambda text: text.encode("utf-8", "replace").decode())


@dataclass(frozen=True)
class Page:
    text: str
    moves: dict[Identity, str]
    references: int

    def moved(self) -> tuple[str, tuple[Reference, ...]]:
        return move(self.text, self.moves)

    def back(self) -> dict[Identity, str]:
        return {Identity(old.kind, new): old.text for old, new in self.moves.items()}


def move(text: str, moves: dict[Identity, str]) -> tuple[str, tuple[Reference, ...]]:
    of = {kind: [old.text for old in moves if old.kind == kind] for kind in ("id", "image", "form")}
    references = ReferenceFinder(of["id"], of["image"], ["media"], of["form"]).find(text)
    return rewrite(text, references, moves), references


@st.composite
def pages(draw: st.DrawFn) -> Page:
    """References between anything, each between quotes."""
    ids = draw(st.lists(HEX, min_size=4, max_size=4, unique=True))
    uuids = draw(st.lists(st.uuids(version=4).map(str), min_size=6, max_size=6, unique=True))
    names = draw(st.lists(NAMES, min_size=2, max_size=2))
    moves = {Identity("id", ids[0]): ids[1], Identity("id", ids[2]): ids[3], Identity("form", uuids[0]): uuids[1]}
    moves |= {Identity("image", f"{uuids[2 + n]}/{name}"): f"{uuids[4 + n]}/{name}" for n, name in enumerate(names)}
    wanted = draw(st.lists(st.sampled_from(sorted(moves)), max_size=6))
    plain = draw(st.booleans())
    pieces = [draw(GAPS)]
    for identity in wanted:
        pieces += ['"', draw(written(identity.text, plain=plain)), '"', draw(GAPS)]
    return Page("".join(pieces), moves, len(wanted))


@given(pages())
def test_d18_every_reference_is_found(page: Page) -> None:
    _, references = page.moved()
    assert len(references) == page.references


@given(pages())
def test_d17_moved_and_moved_back_a_page_is_itself(page: Page) -> None:
    moved, _ = page.moved()
    assert move(moved, page.back())[0] == page.text


@given(pages())
def test_b13_nothing_old_is_left_and_a_second_time_changes_nothing(page: Page) -> None:
    moved, _ = page.moved()
    again, left = move(moved, page.moves)
    assert left == ()
    assert again == moved


@given(pages())
def test_b13_lengths_add_up_and_between_references_nothing_changes(page: Page) -> None:
    moved, references = page.moved()
    at = read = 0
    for reference in references:
        between = page.text[read : reference.start]
        assert moved.startswith(between, at)
        new = reference.spelling.respell(page.moves[reference.identity], page.text, reference.start)
        at += len(between)
        assert moved.startswith(new, at)
        at, read = at + len(new), reference.end
    assert moved[at:] == page.text[read:]


@given(pages())
def test_each_reference_respells_itself_as_it_was_found(page: Page) -> None:
    for reference in page.moved()[1]:
        found = page.text[reference.start : reference.end]
        assert reference.spelling.respell(reference.identity.text, page.text, reference.start) == found
