"""Where an element refers to files and pages: which attributes, and how several stand in one."""

import re
from collections.abc import Callable
from typing import Protocol

from selectolax.lexbor import LexborNode

_ONE = frozenset({"background", "poster", "src"})
_SEVERAL = frozenset({"data-srcset", "imagesrcset", "srcset"})
_HREF = frozenset({"href", "xlink:href"})
# The hyperlinks: a page that is missing there is no missing image.
_HYPERLINKS = frozenset({"a", "area"})
_PICTURES = frozenset(
    {"image", "msapplication-tileimage", "og:image", "og:image:secure_url", "og:image:url", "twitter:image"}
)
_ELSEWHERE = frozenset({"dns-prefetch", "preconnect", "canonical"})
_REFRESH = re.compile(r"(?is)^(\s*[\d.]+\s*[;,]?\s*(?:url\s*=)?\s*['\"]?)([^'\"]+)(['\"]?\s*)$")
_FILE_NAME = re.compile(r"\.\w+$")
_MAY_REFER = re.compile(r"(?i)url|image|src")
_CANDIDATE = re.compile(r"[\s,]*(\S*[^\s,])(\s+[^,]*)?,?")


class Address(Protocol):
    """What to write for a reference; None leaves it. ``tell``: say so where its file is missing."""

    def __call__(self, reference: str, *, tell: bool = True) -> str | None:
        """Look it up."""


class AttributeRewriter:
    """Rewrites the attributes of elements."""

    def __init__(self, address: Address, css: Callable[[str], str]) -> None:
        """``css`` rewrites the declarations of ``style``."""
        self._address = address
        self._css = css

    def rewrite(self, node: LexborNode) -> None:
        """Rewrite one element's attributes in place; those that refer to nothing local stay as they were."""
        for name, value in node.attributes.items():
            if not value:
                continue
            new = self._value(node, name, value)
            if new is not None and new != value:
                node.attrs[name] = new

    def _value(self, node: LexborNode, name: str, value: str) -> str | None:
        if name == "style":
            return self._css(value) if _MAY_REFER.search(value) else None
        if name in _SEVERAL:
            return self._candidates(value)
        if name == "content" and node.tag == "meta":
            return self._meta(node, value)
        if name in _ONE or (name == "data" and node.tag == "object"):
            return self._address(value)
        if name in _HREF and not _leads_elsewhere(node):
            return self._address(value, tell=node.tag not in _HYPERLINKS)
        # Lazy loaders keep references in data-*, others keep anything there: only what is a file's name counts.
        is_name = name.startswith("data-") and _FILE_NAME.search(value.partition("?")[0])
        return self._address(value, tell=False) if is_name else None

    def _candidates(self, value: str) -> str | None:
        """A ``srcset``: URLs with their widths or densities, parted by commas."""
        found = [(url, descriptor.strip()) for url, descriptor in _CANDIDATE.findall(value)]
        new = {url: self._address(url) for url, _ in found}
        if not any(new.values()):
            return None
        return ", ".join(f"{new[url] or url} {descriptor}".strip() for url, descriptor in found)

    def _meta(self, node: LexborNode, value: str) -> str | None:
        attributes = node.attributes
        names = {(attributes.get(key) or "").lower() for key in ("property", "name", "itemprop")}
        if names & _PICTURES:
            return self._address(value)
        refresh = _REFRESH.match(value) if (attributes.get("http-equiv") or "").lower() == "refresh" else None
        new = self._address(refresh[2].strip(), tell=False) if refresh else None
        return f"{refresh[1]}{new}{refresh[3]}" if refresh and new else None


def _leads_elsewhere(node: LexborNode) -> bool:
    relations = (node.attributes.get("rel") or "").lower().split()
    return node.tag == "link" and not _ELSEWHERE.isdisjoint(relations)
