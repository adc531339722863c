"""The console's files: plain modules that a browser runs as they are, nothing inline, nothing from elsewhere."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parents[2] / "engine" / "gateway" / "console"
VENDORED = {"socket.io.min.js": "socket.io.LICENSE.txt", "inter-latin.woff2": "inter.LICENSE.txt"}
MODULES = sorted(path for path in CONSOLE.glob("*.js") if path.name not in VENDORED)
OWN_TEXTS = sorted(
    path for path in CONSOLE.iterdir() if path.suffix in {".js", ".css", ".html"} and path.name not in VENDORED
)
MOST_LINES = 250

ELSEWHERE = re.compile(
    r"""(?:src|href)="(?:https?:)?//|url\(["']?(?:https?:)?//|(?:from|import\()\s*["'](?!/static/)"""
)
INLINE = re.compile(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)")
HTML_FROM_TEXT = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")


def test_there_are_modules() -> None:
    assert len(MODULES) > 10


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_is_valid_and_small(path: Path) -> None:
    node = shutil.which("node")
    assert node, "node is not on PATH: .ci/run installs it"
    # From stdin: a name that ends in .js is no module to it.
    source = path.read_text("utf-8")
    checked = subprocess.run(
        [node, "--check", "--input-type=module", "-"], input=source, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert len(source.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", OWN_TEXTS, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere_and_text_never_becomes_markup(path: Path) -> None:
    text = path.read_text("utf-8")
    assert ELSEWHERE.findall(text) == []
    assert HTML_FROM_TEXT.findall(text) == []
    if path.suffix == ".html":
        assert INLINE.findall(text) == []
    named = re.findall(r"/static/([\w.-]+)", text)
    assert [name for name in named if not (CONSOLE / name).is_file()] == []


@pytest.mark.parametrize(("name", "licence"), VENDORED.items())
def test_what_others_wrote_has_its_licence_beside_it(name: str, licence: str) -> None:
    assert (CONSOLE / name).is_file()
    assert "Copyright" in (CONSOLE / licence).read_text("utf-8")


@pytest.mark.parametrize(
    "text",
    ['<script src="https://cdn.example/x.js">', 'import x from "./x.js"', 'url("//cdn.example/font")'],
)
def test_the_rule_sees_what_comes_from_elsewhere(text: str) -> None:
    assert ELSEWHERE.search(text)


@pytest.mark.parametrize("text", ["<style>", '<p style="x">', '<p onclick="x">', "<script>x</script>"])
def test_the_rule_sees_what_is_inline(text: str) -> None:
    assert INLINE.search(text)
