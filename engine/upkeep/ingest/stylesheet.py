"""References in CSS. A sheet's own tokens are changed in place and written out again; the rest stays as it reads."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tinycss2

Address = Callable[[str], str | None]
"""A reference -> what to write in its place; None leaves it."""

_STRINGS_ARE_URLS = frozenset({"url", "src", "image", "image-set", "-webkit-image-set"})


def rewritten(css: str, address: Address, sheet: Address) -> str:
    """The style sheet with its references replaced.

    Args:
        css: A whole sheet, or the declarations of a ``style`` attribute.
        address: For ``url()``, ``src()`` and ``image-set()``.
        sheet: For ``@import``: the imported sheet's text, already rewritten.
    """
    try:
        written = "".join(_with_imports(tinycss2.parse_component_value_list(css), address, sheet))
    except RecursionError:
        # Blocks nested beyond what any browser follows: no style, and nothing that could be rewritten.
        return css
    # Inside <style> the text ends at the first of these.
    return written.replace("</style", "<\\/style").replace("</STYLE", "<\\/STYLE")


def _with_imports(tokens: list[Any], address: Address, sheet: Address) -> Iterator[str]:
    rest: list[Any] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        word = token.lower_value if token.type == "at-keyword" else ""
        if word not in ("import", "charset"):
            rest.append(token)
            continue
        end = next((n for n in range(at, len(tokens)) if tokens[n] == ";"), len(tokens))
        prelude, at = tokens[at:end], end + 1
        # An @charset told of the file's bytes; the page has an encoding of its own.
        replaced = _imported(prelude, sheet) if word == "import" else ""
        if replaced is None:
            rest += [token, *prelude, *tokens[end:at]]
        else:
            yield _plain(rest, address) + replaced
            rest = []
    yield _plain(rest, address)


def _imported(prelude: list[Any], sheet: Address) -> str | None:
    """What an ``@import`` of a local sheet becomes; None where it stays."""
    target = next((token for token in prelude if token.type not in ("whitespace", "comment")), None)
    reference = _reference(target)
    if reference is None:
        return None
    text = sheet(reference)
    return None if text is None else _under(prelude[prelude.index(target) + 1 :], text)


def _under(conditions: list[Any], text: str) -> str:
    """The imported sheet's text under the conditions of its ``@import``: layer, supports and media, in this order."""
    wrappers: list[str] = []
    media: list[Any] = []
    for token in conditions:
        name = token.lower_name if token.type == "function" else ""
        if name == "layer" or (token.type == "ident" and token.lower_value == "layer" and not media):
            wrappers.append(f"@layer {tinycss2.serialize(token.arguments) if name else ''}")
        elif name == "supports":
            wrappers.append(f"@supports ({tinycss2.serialize(token.arguments)})")
        elif media or token.type != "whitespace":
            media.append(token)
    if media:
        wrappers.append(f"@media {tinycss2.serialize(media).strip()}")
    for wrapper in wrappers:
        text = f"{wrapper}{{{text}}}"
    return text


def _reference(token: Any) -> str | None:
    if token is None:
        return None
    if token.type in ("string", "url"):
        return str(token.value)
    if token.type == "function" and token.lower_name == "url":
        return next((str(inner.value) for inner in token.arguments if inner.type == "string"), None)
    return None


def _plain(tokens: Iterable[Any], address: Address) -> str:
    kept = list(tokens)
    _replace(kept, address, strings=False)
    return str(tinycss2.serialize(kept))


def _replace(tokens: Iterable[Any], address: Address, *, strings: bool) -> None:
    for token in tokens:
        if token.type == "url" or (strings and token.type == "string"):
            new = address(token.value)
            if new is not None:
                token.representation = f'url("{new}")' if token.type == "url" else f'"{new}"'
        elif token.type == "function":
            _replace(token.arguments, address, strings=token.lower_name in _STRINGS_ARE_URLS)
        elif hasattr(token, "content"):
            _replace(token.content, address, strings=False)
