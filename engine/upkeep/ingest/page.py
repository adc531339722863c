"""One page on its way into a funnel: parsed by the rules of HTML5, its references rewritten, written out again.

References are found in elements and attributes, in ``style``, and in local style sheets, which are taken into the
page: a clone's pages are rewritten, its objects are copied as they are, so a sheet among the objects would lead back
to the original's images. What a script puts together cannot be seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from selectolax.lexbor import LexborHTMLParser, LexborNode

from engine.upkeep.ingest.assets import Assets, content_type_of
from engine.upkeep.ingest.folder import Folder
from engine.upkeep.ingest.forms import Form, embed, form_of
from engine.upkeep.ingest.references import AttributeRewriter
from engine.upkeep.ingest.sheets import Sheets

_LONGEST_INLINE_SCRIPT = 64 * 1024
# A script that waits for the page, or is a module, means something else when it stands in the page.
_NOT_INLINE = ("async", "defer", "nomodule", "integrity")
_OF_THE_FILE = frozenset({"crossorigin", "href", "integrity", "referrerpolicy", "rel", "src", "type", "charset"})
_UTF_8 = "utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """A page after all was rewritten."""

    title: str
    html: str
    forms: tuple[Form, ...]
    body: LexborNode | None


class PageWriter:
    """Rewrites the pages of one folder, one at a time. Remembers what was missing, in the order it was met."""

    def __init__(self, folder: Folder, assets: Assets, links: Mapping[str, str], widget: str) -> None:
        """Take what pages share.

        Args:
            folder: Where the pages lie.
            assets: Gives addresses to files.
            links: Page's path -> the URL of its step.
            widget: The chat widget's tag for each page's end; empty for none.
        """
        self.missing: dict[str, None] = {}
        # What references are relative to -> the page, where a <base> makes that another path.
        self._names: dict[str, str] = {}
        self._folder = folder
        self._assets = assets
        self._links = links
        self._widget = widget
        self._sheets = Sheets(folder, self._address)

    def write(self, path: str, content: bytes) -> Page:
        """Rewrite the page that lies at ``path``."""
        parser = LexborHTMLParser(content, scripting=True, encoding=True)
        base = self._base(parser, path)
        self._names = {base: path}
        title_node = parser.css_first("head > title")
        title = (title_node.text(strip=True) if title_node else "") or path
        forms: list[Form] = []
        root = parser.root
        if root is not None:
            self._rewrite(root, base, title, forms)
        _declare_utf_8(parser)
        if self._widget and parser.body is not None and not parser.css("script[custom-chat-widget]"):
            parser.body.insert_child(_element(self._widget, "script"))
        return Page(title, parser.html or "", tuple(forms), parser.body)

    def _base(self, parser: LexborHTMLParser, path: str) -> str:
        """What references are relative to: a local ``<base>`` is followed and, as it would mislead, removed."""
        node = parser.css_first("base[href]")
        href = (node.attributes.get("href") or "").strip() if node else ""
        if node is None or "//" in href:
            return path
        del node.attrs["href"]
        return href.lstrip("/") if href.startswith("/") else f"{path.rpartition('/')[0]}/{href}".lstrip("/")

    def _rewrite(self, root: LexborNode, base: str, title: str, forms: list[Form]) -> None:
        """Rewrite a tree: the page, a template's content, or what browsers without scripts see."""
        for fragment in root.template_fragments():
            self._rewrite(fragment, base, title, forms)
        for node in root.css("noscript"):
            inner = LexborHTMLParser(f"<div>{node.text()}</div>", is_fragment=True)
            if (top := inner.css_first("div")) is not None:
                self._rewrite(top, base, title, forms)
                node.inner_html = top.inner_html or ""
        for node in root.css("form"):
            form = form_of(node, title)
            forms.append(form)
            node.replace_with(_element(embed(form), "iframe"))
        attributes = AttributeRewriter(partial(self._address, base), partial(self._sheets.rewritten, base))
        for node in root.css("*"):
            if not self._taken_in(node, base):
                attributes.rewrite(node)

    def _taken_in(self, node: LexborNode, base: str) -> bool:
        """Take local sheets and short scripts into the page, and rewrite the sheets that stand there."""
        if node.tag == "link" and _is_sheet(node):
            return self._take_in_sheet(node, base)
        if node.tag == "link" and node.attributes.get("as") == "style":
            return self._drop_preload(node, base)
        if node.tag == "script" and node.attributes.get("src"):
            return self._take_in_script(node, base)
        if node.tag == "style" and not _in_svg(node):
            css = node.text()
            new = self._sheets.rewritten(base, css)
            if new != css:
                node.replace_with(_text_element("style", new, node))
            return True
        return False

    def _take_in_sheet(self, node: LexborNode, base: str) -> bool:
        text = self._sheets.text(base, node.attributes.get("href") or "")
        if text is None:
            return False
        node.replace_with(_text_element("style", text, node))
        return True

    def _drop_preload(self, node: LexborNode, base: str) -> bool:
        """A sheet that stands in the page is not to be fetched ahead of it."""
        found = self._folder.find(base, node.attributes.get("href") or "")
        if found is None or found.path is None:
            return False
        node.decompose()
        return True

    def _take_in_script(self, node: LexborNode, base: str) -> bool:
        found = self._folder.find(base, node.attributes.get("src") or "")
        kind = (node.attributes.get("type") or "text/javascript").lower()
        waits = any(attribute in node.attributes for attribute in _NOT_INLINE)
        if found is None or found.path is None or waits or not kind.endswith("javascript"):
            return False
        file = self._folder.absolute(found.path)
        if file.stat().st_size > _LONGEST_INLINE_SCRIPT:
            return False
        text = file.read_text(_UTF_8, "replace").removeprefix("\ufeff")
        if "</script" in text.lower() or "<!--" in text:
            return False
        node.replace_with(_text_element("script", text, node))
        return True

    def _address(self, base: str, reference: str, *, tell: bool = True) -> str | None:
        """What to write for a reference; None leaves it. ``tell``: say so where its file is missing."""
        found = self._folder.find(base, reference)
        if found is None:
            return None
        if found.path is None:
            name = reference.partition("?")[0].partition("#")[0]
            if tell or content_type_of(name).startswith("image/"):
                self.missing[f"{self._names.get(base, base)}: {reference.strip()}"] = None
            return None
        link = self._links.get(found.path)
        if link is not None:
            return link + found.query + found.fragment
        return self._assets.address(found.path) + found.fragment


def _is_sheet(node: LexborNode) -> bool:
    relations = (node.attributes.get("rel") or "").lower().split()
    return "stylesheet" in relations and "alternate" not in relations


def _in_svg(node: LexborNode) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.tag == "svg":
            return True
        parent = parent.parent
    return False


def _declare_utf_8(parser: LexborHTMLParser) -> None:
    """Pages are kept as text and served as UTF-8, whatever their files were written in."""
    declared = False
    for node in parser.css("meta"):
        if "charset" in node.attributes:
            declared = True
            if (node.attributes["charset"] or "").lower() != _UTF_8:
                node.attrs["charset"] = _UTF_8
        elif (node.attributes.get("http-equiv") or "").lower() == "content-type":
            declared = True
            if _UTF_8 not in (node.attributes.get("content") or "").lower():
                node.attrs["content"] = "text/html; charset=utf-8"
    if not declared and parser.head is not None:
        meta = _element('<meta charset="utf-8">', "meta")
        first = parser.head.first_child
        if first is None:
            parser.head.insert_child(meta)
        else:
            first.insert_before(meta)


def _element(html: str, tag: str) -> LexborNode:
    node = LexborHTMLParser(html, scripting=True).css_first(tag)
    assert node is not None
    return node


def _text_element(tag: str, text: str, instead_of: LexborNode) -> LexborNode:
    """A ``<style>`` or ``<script>`` that holds ``text``, with the attributes that do not tell of a file."""
    node = _element(f"<{tag}>{text}</{tag}>", tag)
    for name, value in instead_of.attributes.items():
        if name not in _OF_THE_FILE:
            node.attrs[name] = value
    return node
