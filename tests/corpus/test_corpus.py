"""References in every place of real pages: what is rewritten is what the writer would have written, to the byte."""

import html
import random
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote

import pytest

from engine.core.references import ReferenceFinder
from engine.core.rewrite import rewrite
from tests.corpus.identities import NEW, OLD, Identities, finder_of, replacements
from tests.corpus.pages import real_pages
from tests.corpus.places import PLACES, Place
from tests.corpus.writers import ADDRESSES, ATTRIBUTES, JSON_WRITERS, STYLES, AddressWriter, Layer

MOST_LAYERS = 4
MOVES = replacements(OLD, NEW)
# As the fields of a chessboard: each writer of JSON meets each address at one of the two levels. The others are of the
# other colour, and run with --spellings=all.
IN_COMPONENTS = [
    pytest.param(
        write,
        how,
        levels,
        id=f"{name}-{how}-{levels}",
        marks=(pytest.mark.other_colour,) * ((row + column + levels) % 2),
    )
    for row, (name, write) in enumerate(JSON_WRITERS.items())
    for column, how in enumerate(ADDRESSES)
    for levels in (1, 2)
]


@pytest.fixture(scope="session")
def pages() -> dict[str, str]:
    return real_pages()


@pytest.fixture(scope="session")
def finder() -> ReferenceFinder:
    return finder_of(OLD)


def planted(page: str, snippets: Sequence[str]) -> str:
    """The page with the snippets shared out between its head, its middle and its end, as far as it has them."""
    middle = page.find("</div>", len(page) // 2) + len("</div>")
    bounds = [0, *sorted({max(page.find("</head>"), 0), middle, len(page)})]
    spots = len(bounds) - 1
    return "".join(page[bounds[at] : bounds[at + 1]] + "".join(snippets[at::spots]) for at in range(spots))


def moved(finder: ReferenceFinder, text: str) -> str:
    return rewrite(text, finder.find(text), MOVES)


def differing(text: str, expected: str) -> str:
    """Where two texts begin to differ, and how: a whole page in a report says nothing."""
    if text == expected:
        return ""
    at = next((at for at, (a, b) in enumerate(zip(text, expected, strict=False)) if a != b), 0)
    return f"{text[max(0, at - 60) : at + 80]!r} instead of {expected[max(0, at - 60) : at + 80]!r}"


def everything(identities: Identities, addresses: Iterable[AddressWriter], places: Iterable[Place]) -> list[str]:
    return [
        place.hold(address.write(url))
        for place in places
        for address in addresses
        for url in identities.urls()
        if address.layers or not place.encoded
    ]


def test_pages_without_references_stay(finder: ReferenceFinder, pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert finder.find(page) == (), name
        assert rewrite(page, (), MOVES) == page


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_b13_d18_a_reference_in_any_place_moves(finder: ReferenceFinder, pages: dict[str, str], place: Place) -> None:
    for how, address in ADDRESSES.items():
        if place.encoded and not address.layers:
            continue
        old, new = (everything(identities, [address], [place]) for identities in (OLD, NEW))
        for one, other in zip(old, new, strict=True):
            assert differing(moved(finder, one), other) == "", how
        for at, (name, page) in enumerate(pages.items()):
            texts = (planted(page, snippets[at % 2 :: 2]) for snippets in (old, new))
            assert differing(moved(finder, next(texts)), next(texts)) == "", (how, name)


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
@pytest.mark.parametrize("escape", ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_d18_whatever_references_an_attribute_is_escaped_with(
    finder: ReferenceFinder, escape: Layer, address: AddressWriter
) -> None:
    place = Place('<img src="{}">', (escape,))
    old, new = (everything(identities, [address], [place]) for identities in (OLD, NEW))
    for one, other in zip(old, new, strict=True):
        assert differing(moved(finder, one), other) == ""


@pytest.mark.parametrize("within", [None, *JSON_WRITERS])
@pytest.mark.parametrize("address", ["raw", "browser", "strict"])
@pytest.mark.parametrize("escape", STYLES.values(), ids=STYLES)
def test_d18_whatever_a_style_is_escaped_with(
    finder: ReferenceFinder, escape: Layer, address: str, within: str | None
) -> None:
    outer = (JSON_WRITERS[within],) if within else ()
    place = Place("a{b:url({})}", (escape, *outer))
    old, new = (everything(identities, [ADDRESSES[address]], [place]) for identities in (OLD, NEW))
    for one, other in zip(old, new, strict=True):
        assert differing(moved(finder, one), other) == ""


@pytest.mark.parametrize(("write", "how", "levels"), IN_COMPONENTS)
def test_d18_a_page_in_components_moves_as_it_does_by_itself(
    finder: ReferenceFinder, pages: dict[str, str], write: Layer, how: str, levels: int
) -> None:
    address = ADDRESSES[how]
    places = [p for p in PLACES.values() if address.layers + len(p.writer) + levels <= MOST_LAYERS]
    old, new = (everything(identities, [address], places) for identities in (OLD, NEW))
    for at, (name, page) in enumerate(pages.items()):
        # Each page holds some of them, all pages all.
        texts = [planted(page, snippets[at :: len(pages)]) for snippets in (old, new)]
        for level in range(levels):
            texts = [f'{{"id":{level},"html":"{write(text)}"}}' for text in texts]
        assert differing(moved(finder, texts[0]), texts[1]) == "", name


def test_forms_embedded_in_the_html_alone_move_in_the_components(finder: ReferenceFinder) -> None:
    for old, new in zip(OLD.forms, NEW.forms, strict=True):
        texts = (f'<iframe src="https://a.b/userform/{old}?x">', f'{{"form":"{old}","embed":"\\/userform\\/{old}"}}')
        found = finder.find_on_page(texts)
        written = [rewrite(text, references, MOVES) for text, references in zip(texts, found, strict=True)]
        assert written == [text.replace(old, new) for text in texts]


def half_encoded(text: str, seed: int) -> str:
    """Each character raw or percent-encoded, in digits of either case, as the seed has it."""
    chosen = random.Random(seed)

    def written(char: str) -> str:
        encoded = "".join(f"%{byte:02X}" for byte in char.encode())
        return chosen.choice([quote(char, safe="/") if char in " %" else char, encoded, encoded.lower()])

    return "".join(written(char) for char in text)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("key", OLD.keys)
def test_d18_however_a_key_is_mixed_it_moves_and_its_file_name_stays_to_the_byte(
    finder: ReferenceFinder, key: str, seed: int
) -> None:
    new = NEW.keys[OLD.keys.index(key)]
    folder, slash, name = key.rpartition("/")
    folder, name = half_encoded(folder + slash, seed), half_encoded(name, -seed - 1)
    text = f"https://s3.example.com/media/{folder}{name}"
    after = moved(finder, f'<img src="{text}">')
    assert after.endswith(f'{name}">')
    assert unquote(after) == f'<img src="https://s3.example.com/media/{new}">'


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_a_key_too_weak_to_stand_alone_moves_in_an_objects_url(address: AddressWriter) -> None:
    """It holds no slash that tells how the new one's is to be written: it need only read right."""
    old, new = (Identities(OLD.ids, (key,), OLD.forms) for key in ("logo.png", "0f9b1c52-6a0e/logo.png"))
    texts = [PLACES["img src"].hold(address.write(identities.urls()[0])) for identities in (old, new)]
    after = rewrite(texts[0], finder_of(old).find(texts[0]), replacements(old, new))
    assert after != texts[0]
    assert unquote(unquote(after)) == unquote(unquote(texts[1]))


@pytest.mark.parametrize("identity", [*OLD.ids, KEY_IN_BASE64 := "folder0of0images/2024photo"])
def test_what_base64_holds_is_left_alone(pages: dict[str, str], identity: str) -> None:
    identities = Identities(OLD.ids, (*OLD.keys, KEY_IN_BASE64), OLD.forms)
    finder = finder_of(identities)
    payload = f"iVBORw0KGgo/{identity}/AAAA+/{identity}=="
    for text in (
        f'<img src="data:image/png;base64,{payload}">',
        f"<style>a{{b:url(data:font/woff2;charset=utf-8;base64,{payload})}}</style>",
        f'{{"u":"data:image\\/png;base64,{payload.replace("/", chr(92) + "/")}"}}',
    ):
        assert finder.find(text) == ()
        for page in pages.values():
            assert finder.find(planted(page, [text])) == ()


def test_the_places_are_the_standards() -> None:
    """Every attribute that the standard's index gives a URL, and those that it once gave one."""
    attributes = (
        "action background cite classid codebase data formaction href icon imagesrcset itemid itemtype longdesc"
        " manifest ping poster profile src srcdoc srcset style usemap archive"
    )
    markup = " ".join(place.markup for place in PLACES.values())
    assert [name for name in attributes.split() if not re.search(rf"[\s\w:-]*\b{name}=", markup)] == []


def test_writers_write_what_readers_read() -> None:
    """The corpus is no proof where its writers write nonsense."""
    for url in OLD.urls():
        text = "".join(url)
        for escape in ATTRIBUTES.values():
            assert html.unescape(escape(text)) == text
        for how in ("browser", "strict", "strict, lower digits", "slashes encoded", "every character encoded"):
            assert unquote(ADDRESSES[how].write(url)) == text
