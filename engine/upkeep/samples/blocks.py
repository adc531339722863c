"""A page as blocks, and the HTML that such a page is published as. Pure.

Content names what it refers to: ``image:<name>``, ``page:<name>``, ``form:<name>``. ``resolved`` puts addresses in
their places; the resolved blocks are the page's components tree, and ``html`` renders the very same blocks.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from engine.upkeep.samples.style import stylesheet

Block = Mapping[str, Any]


def resolved(value: Any, addresses: Mapping[str, str]) -> Any:
    """Every ``kind:name`` in a tree of blocks replaced by its address.

    Raises:
        KeyError: Content refers to something that the funnel does not have.
    """
    if isinstance(value, Mapping):
        return {name: resolved(inner, addresses) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(inner, addresses) for inner in value]
    if isinstance(value, str) and value.startswith(("image:", "page:", "form:")):
        return addresses[value]
    return value


def html(title: str, funnel_id: str, blocks: list[Block], colours: Mapping[str, str]) -> str:
    """The page as it is published; ``blocks`` are resolved."""
    body = "\n".join(_RENDERERS[block["type"]](block) for block in blocks)
    cover = next((block["image"] for block in blocks if "image" in block), "")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f'<meta property="og:title" content="{escape(title)}">\n'
        f'<meta property="og:image" content="{_url(cover)}">\n'
        f"<style>\n{stylesheet(colours)}</style>\n</head>\n"
        f'<body data-funnel-id="{funnel_id}">\n{body}\n</body>\n</html>\n'
    )


def _url(address: str) -> str:
    """An address as browsers write it into HTML: spaces and letters beyond ASCII percent-encoded."""
    return escape(quote(address, safe=":/?#[]@!$&'()*+,;=~%"))


def _picture(address: str, text: str) -> str:
    url = _url(address)
    return f'<img src="{url}" srcset="{url} 1x, {url} 2x" alt="{escape(text)}" loading="lazy">'


def _button(button: Mapping[str, str] | None) -> str:
    return f'<a class="button" href="{_url(button["href"])}">{escape(button["text"])}</a>' if button else ""


def _navigation(block: Block) -> str:
    links = "".join(f'<a href="{_url(link["href"])}">{escape(link["text"])}</a>' for link in block["links"])
    brand = f'<img src="{_url(block["logo"])}" alt="">{escape(block["brand"])}'
    return f'<header class="bar"><span class="brand">{brand}</span><nav>{links}</nav></header>'


def _hero(block: Block) -> str:
    return (
        f'<section class="hero" style="background-image:linear-gradient(115deg,var(--ink) 20%,transparent),'
        f"url('{_url(block['image'])}')\">"
        f'<p class="kicker">{escape(block["kicker"])}</p><h1>{escape(block["title"])}</h1>'
        f'<p class="lead">{escape(block["text"])}</p>{_button(block.get("button"))}</section>'
    )


def _features(block: Block) -> str:
    cards = "".join(
        f'<article class="card">{_picture(item["picture"], item["title"])}'
        f"<h3>{escape(item['title'])}</h3><p>{escape(item['text'])}</p></article>"
        for item in block["items"]
    )
    return f'<section><h2>{escape(block["title"])}</h2><div class="grid">{cards}</div></section>'


def _split(block: Block) -> str:
    return (
        f'<section class="split"><div><h2>{escape(block["title"])}</h2><p>{escape(block["text"])}</p>'
        f"{_button(block.get('button'))}</div>{_picture(block['image'], block['title'])}</section>"
    )


def _quotes(block: Block) -> str:
    cards = "".join(
        f'<figure class="quote">{_picture(item["picture"], item["name"])}'
        f"<blockquote>{escape(item['text'])}</blockquote><figcaption>{escape(item['name'])}</figcaption></figure>"
        for item in block["items"]
    )
    return f'<section class="tinted"><h2>{escape(block["title"])}</h2><div class="grid">{cards}</div></section>'


def _pricing(block: Block) -> str:
    cards = "".join(
        f'<article class="card plan"><h3>{escape(plan["name"])}</h3><p class="price">{escape(plan["price"])}</p><ul>'
        + "".join(f"<li>{escape(line)}</li>" for line in plan["lines"])
        + f"</ul>{_button(plan['button'])}</article>"
        for plan in block["plans"]
    )
    return f'<section><h2>{escape(block["title"])}</h2><div class="grid">{cards}</div></section>'


def _questions(block: Block) -> str:
    entries = "".join(
        f"<details><summary>{escape(item['question'])}</summary><p>{escape(item['answer'])}</p></details>"
        for item in block["items"]
    )
    return f'<section class="narrow"><h2>{escape(block["title"])}</h2>{entries}</section>'


def _form(block: Block) -> str:
    return (
        f'<section class="narrow"><h2>{escape(block["title"])}</h2>'
        f'<iframe class="form" src="{_url(block["src"])}?embed=1" title="{escape(block["title"])}"></iframe></section>'
    )


def _thanks(block: Block) -> str:
    return (
        f'<section class="narrow thanks"><div class="tick">✓</div><h1>{escape(block["title"])}</h1>'
        f'<p class="lead">{escape(block["text"])}</p>{_button(block.get("button"))}</section>'
    )


def _footer(block: Block) -> str:
    return f"<footer>{escape(block['text'])}</footer>"


def _script(block: Block) -> str:
    return str(block["html"])


_RENDERERS: Mapping[str, Callable[[Block], str]] = {
    "navigation": _navigation,
    "hero": _hero,
    "features": _features,
    "split": _split,
    "quotes": _quotes,
    "pricing": _pricing,
    "questions": _questions,
    "form": _form,
    "thanks": _thanks,
    "footer": _footer,
    "script": _script,
}
