"""Real pages at hand: the templates that the tests clone, and the HTML of packages that are always there."""

import sysconfig
from functools import cache
from pathlib import Path

from tests.templates import TEMPLATES, template

FEWEST_PAGES = 10
_SMALLEST_PAGE = 400
# What this project asks for itself: what else is installed must not change what is tested and measured.
_PACKAGES = ("importlinter", "ray")


@cache
def real_pages() -> dict[str, str]:
    """Name -> HTML of each page, as its bytes are. Fails where fewer than ``FEWEST_PAGES`` are at hand.

    Packages bring pages of one-page applications, and templates with marks of a template engine in them: funnels hold
    such, too.
    """
    folders = [template(name) for name in TEMPLATES]
    paths = sorted(path for folder in folders for path in folder.rglob("*.html"))
    installed = Path(sysconfig.get_path("purelib"))
    held = [path for name in _PACKAGES for path in (installed / name).rglob("*.html*")]
    paths += sorted(path for path in held if path.name.endswith((".html", ".html.j2")))
    pages = {
        "/".join(path.parts[-4:]): path.read_bytes().decode() for path in paths if path.stat().st_size >= _SMALLEST_PAGE
    }
    assert len(pages) >= FEWEST_PAGES, f"only {len(pages)} real pages are at hand: {sorted(pages)}"
    assert any("ray/" in name or "dashboard" in name for name in pages), sorted(pages)
    return pages
