"""The demo as its users see it: what it says, the pages it writes, and that nothing of it stays."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.cli import demo_summary
from engine.cluster.report import PassReport
from engine.edges.mongo.client import Store
from engine.edges.s3 import Objects
from engine.settings import Settings
from engine.upkeep.demo import DemoReport
from engine.upkeep.demo_pages import Pair, self_contained, write_pages
from engine.upkeep.samples import bring_in
from tests.command_line import environment_without_servers, run_as_process
from tests.processes import alive


@dataclass(frozen=True)
class Shown:
    """A demo that is over: the folder that it was at home in, and what it said."""

    home: Path
    summary: str


def _holding(word: str) -> set[int]:
    """The processes whose command line or environment holds a word."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return {pid for pid in pids if pid != os.getpid() and any(word in _read(pid, file) for file in _FILES)}


_FILES = ("cmdline", "environ")


def _read(pid: int, file: str) -> str:
    try:
        return Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    except OSError:
        return ""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """One demo for people; the one for machines is of `demo --keep`."""
    home = tmp_path_factory.mktemp("home")
    environment = environment_without_servers(XDG_DATA_HOME=str(home), TMPDIR=str(home))
    done = run_as_process("demo", "ray.num_cpus=2", environment=environment, cwd=home)
    assert done.returncode == 0, done.stderr
    return Shown(home, done.stdout)


def test_the_demo_clones_its_samples_finds_them_sound_and_leaves_only_pages(shown: Shown) -> None:
    index = shown.home / "funnel-clone" / "demo" / "index.html"
    assert alive(_holding(str(shown.home))) == set()
    assert [path.name for path in shown.home.iterdir()] == ["funnel-clone"]
    assert [path.name for path in index.parents[1].iterdir()] == ["demo"]
    clones = re.findall(r"([0-9a-f]{24}) +sound\n", shown.summary)
    assert len(clones) == 3
    assert [clone for clone in clones if clone not in index.read_text("utf-8")] == []


def test_the_summary_says_what_was_cloned_how_fast_and_where_to_look(shown: Shown) -> None:
    for said in ("Garden", "sound", "3 funnels cloned", "images (", "commit", "demo --keep"):
        assert said in shown.summary
    (uri,) = re.findall(r"file://\S+", shown.summary)
    assert Path(uri.removeprefix("file://")).is_file()
    # Not a terminal: no colours, no frames.
    assert not re.search("\x1b|│", shown.summary)


def test_a_demo_that_keeps_nothing_says_so_to_machines() -> None:
    over = demo_summary.Shown(DemoReport(PassReport("done", "p"), ()), Path("index.html"), None)
    assert demo_summary.document_of(over)["kept"] is None


@pytest.fixture
def pages(store: Store, settings: Settings, s3: Any, bucket: str, tmp_path: Path) -> Callable[[], Path]:
    """Writes the first sample beside itself; gives the folder of its pages."""

    def write() -> Path:
        endpoint_url = settings.s3.endpoint_url or ""
        sample = bring_in(store.db, s3, bucket, endpoint_url)[0]
        pair = Pair(sample.name, sample.funnel_id, sample.funnel_id)
        return write_pages(tmp_path / "pages", store, Objects(settings.s3).read, endpoint_url, [pair]).parent / "1"

    return write


def test_a_page_shows_its_pictures_without_any_server(pages: Callable[[], Path], settings: Settings) -> None:
    folder = pages()
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert len(texts) == 8
    for text in texts.values():
        assert (settings.s3.endpoint_url or "") not in text
        assert re.findall(r'(?:src|href)="(/[^"]*)"', text) == []
        assert re.findall(r'<img src="(?!data:image/)', text) == []
        linked = re.findall(r'href="([^"]+)"', text)
        assert [name for name in linked if name not in texts] == []
    assert "data:image/png;base64," in texts["original-1.html"]
    assert "original-2.html" in "".join(texts[name] for name in texts if name.startswith("original"))
    # They may hold what nobody else is to see.
    assert [path for path in (folder, folder.parent) if path.stat().st_mode & 0o077] == []


def test_pages_are_written_over_those_of_the_last_demo(pages: Callable[[], Path]) -> None:
    first = pages() / "original-1.html"
    whole = first.read_text("utf-8")
    first.write_text("old")
    pages()
    assert first.read_text("utf-8") == whole


def test_the_longest_address_is_replaced_and_none_twice() -> None:
    html = '<img src="http://x/a" srcset="http://x/a 1x"><img src="http://x/ab">'
    replaced = self_contained(html, {"http://x/a": "http://x/ab", "http://x/ab": "B"})
    assert replaced == '<img src="http://x/ab"><img src="B">'
