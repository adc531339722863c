"""The page that shows the demo's originals and clones side by side. Pure."""

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.upkeep.demo_pages import PagePair

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Originals and clones</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { margin: 0 auto; padding: 2rem clamp(1rem, 3vw, 3rem); max-width: 110rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.7rem; }
h2 { margin: 3rem 0 .5rem; font-size: 1.2rem; }
p { margin: 0; opacity: .75; }
nav { display: flex; flex-wrap: wrap; gap: .4rem; margin: .5rem 0 1rem; }
nav button { font: inherit; font-size: .9rem; padding: .25rem .8rem; border: 1px solid var(--line); border-radius: 99px;
  background: none; color: inherit; cursor: pointer; }
nav button[aria-pressed="true"] { background: #2563eb; border-color: #2563eb; color: #fff; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
figure { margin: 0; }
figcaption { display: flex; justify-content: space-between; gap: 1rem; padding: .3rem .1rem; font-size: .9rem; }
code { font-size: .85rem; opacity: .75; }
iframe { width: 100%; height: 34rem; border: 1px solid var(--line); border-radius: .6rem; background: #fff; }
@media (max-width: 50rem) { .pair { grid-template-columns: 1fr; } }
</style>
</head>
<body>
<h1>Originals and clones</h1>
<p>Left as it was, right as it was cloned: the same page, with pictures, forms and ids of its own.</p>
"""

_TAIL = """<script>
for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", () => {
    const section = button.closest("section");
    for (const other of section.querySelectorAll("nav button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    for (const side of ["original", "clone"]) {
      section.querySelector(`iframe.${side}`).src = button.dataset[side];
      section.querySelector(`a.${side}`).href = button.dataset[side];
    }
  });
}
</script>
</body>
</html>
"""


def index_of(sections: "Sequence[tuple[str, str, str, Sequence[PagePair]]]") -> str:
    """The page; a section is a funnel's name, its id, its clone's id, and their pages."""
    return _HEAD + "".join(_section(*section) for section in sections if section[3]) + _TAIL


def _section(name: str, original_id: str, clone_id: str, pages: "Sequence[PagePair]") -> str:
    buttons = "".join(
        f'<button type="button" aria-pressed="{str(not number).lower()}" data-original="{escape(page.original)}"'
        f' data-clone="{escape(page.clone)}">{escape(page.title)}</button>'
        for number, page in enumerate(pages)
    )
    sides = _side("Original", original_id, pages[0].original) + _side("Clone", clone_id, pages[0].clone)
    return f'<section><h2>{escape(name)}</h2><nav>{buttons}</nav><div class="pair">{sides}</div></section>\n'


def _side(label: str, funnel_id: str, file: str) -> str:
    kind = label.lower()
    return (
        f'<figure><figcaption><a class="{kind}" href="{escape(file)}" target="_blank">{label}</a>'
        f"<code>{escape(funnel_id)}</code></figcaption>"
        f'<iframe class="{kind}" src="{escape(file)}" title="{label}" loading="lazy"></iframe></figure>'
    )
