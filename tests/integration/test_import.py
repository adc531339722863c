"""`import` makes a funnel of a folder: run as its users run it, and judged by what stands in MongoDB and S3."""

import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bson import Int64, ObjectId

from engine.core.errors import PermanentError
from engine.edges.mongo.client import Store
from engine.edges.s3 import Objects
from engine.settings import Settings
from engine.upkeep.ingest import Folder, Imported, ImportTarget, Owner, import_folder
from engine.upkeep.ingest.importing import Told
from tests.command_line import Done, environment_of, run_as_process, run_here
from tests.funnels import PREVIEW_DOMAIN, TOKEN, request_clone
from tests.in_process import Workshop
from tests.invariants import assert_sound

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fccfc0500f0004850180849ac6c9"
    "0000000049454e44ae426082"
)
URL = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/([0-9a-f-]{36}/[^\s\"')#?&<]+)")

INDEX = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Home &amp; Garden</title>
<link rel="icon" href="favicon.ico"><link rel="stylesheet" href="css/main.css?v=3" media="screen">
<meta property="og:image" content="img/hero one.png"><style>h1{background:url(img/head.png)}</style>
<noscript><img src="img/pixel.png"></noscript></head>
<body style="background-image:url('img/body.png')">
<!-- <img src="img/comment.png"> -->
<a href="about.html#team">About</a> <a href="./">Home</a> <a href="blog/?page=2">Blog</a> <a href="#top">Up</a>
<a href="https://example.com/about.html">Elsewhere</a> <a href="mailto:a@example.com">Mail</a>
<img src="img/hero%20one.png" srcset="img/small.webp 480w, img/hero%20one.png 2x" alt="a > b">
<video poster="img/poster.jpg" src="clip.mp4"></video>
<svg viewBox="0 0 2 2"><use xlink:href="img/sprite.svg#tick"></use></svg>
<template><img src="img/late.png"></template>
<img data-src="img/lazy.png" src="data:image/png;base64,AAAA"><img src="img/gone.png"><img src="../outside.png">
<form name="signup" action="/go"><label for="m">Your mail</label><input id="m" name="mail" type="email" required>
<select name="plan"><option>A</option><option>B</option></select><input type="hidden" name="h">
<button>Go</button></form>
<form><textarea name="note"></textarea></form>
<script src="js/small.js"></script><script src="js/module.js" type="module"></script>
</body></html>"""

SHEET = """@charset "utf-8"; @import url("more.css") print;
@font-face{font-family:F;src:url("../fonts/f.woff2?#x") format("woff2")}
.a{background:url( ../img/head.png )} .b{background:image-set("../img/set.png" 1x)} .c{background:url(../img/none.png)}
.d{background:url(data:image/png;base64,AAAA)} .e::before{content:"url(../img/head.png)"}
"""

FILES: dict[str, str | bytes] = {
    "index.html": INDEX,
    "about.html": '<title>About</title><a href="index.html">Home</a><img src="/img/head.png">',
    "blog/index.html": '<a href="../about.html">About</a><img src="../img/head.png">',
    "zebra.HTM": "<p>No head",
    ".hidden/x.html": "<p>hidden",
    "css/main.css": SHEET,
    "css/more.css": "p{background:url('../img/more.png')}",
    "js/small.js": "if (1 < 2 && 3) { go('</p>'); }",
    "js/module.js": "export default 1;",
    "fonts/f.woff2": b"wOF2",
    "clip.mp4": b"\0\0",
    "favicon.ico": b"\0\0\1",
    "img/small.webp": b"RIFF",
    "img/poster.jpg": b"\xff\xd8",
    "img/sprite.svg": "<svg xmlns='http://www.w3.org/2000/svg'><g id='tick'/></svg>",
    "img/unused.png": PNG,
    **{f"img/{n}.png": PNG for n in ("hero one", "head", "body", "pixel", "late", "lazy", "set", "more")},
}


def fill(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "outside.png").write_bytes(PNG)
    return fill(tmp_path / "site", FILES)


def command(settings: Settings, folder: Path, *arguments: object, run: Callable[..., Done] = run_here) -> Done:
    return run("import", folder, *arguments, environment=environment_of(settings), cwd=folder.parent)


def imported(
    folder: Path, store: Store, settings: Settings, *, chat: bool = False, told: Told = lambda *_: None
) -> Imported:
    owner = Owner({"_id": ObjectId(), "name": "An account"}, is_new=True)
    target = ImportTarget(store, Objects(settings.s3), settings.s3)
    return import_folder(Folder(folder), "A funnel", owner, target, told, chat=chat)


def pages(store: Store, funnel_id: Any) -> dict[str, dict[str, Any]]:
    return {step["path"]: step for step in store.steps.find({"funnel_id": funnel_id})}


def test_the_command_tells_in_json_what_it_made_and_what_is_missing(
    settings: Settings, store: Store, site: Path
) -> None:
    account = ObjectId()
    store.db["_accounts"].insert_one({"_id": account, "parent_account": "p"})
    done = command(settings, site, "--name", "Garden", "--account", str(account), "--json", run=run_as_process)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["steps"], told["forms"]) == (4, 2)
    assert told["images"] == store.images.count_documents({}) == 15
    assert sorted(told["missing"]) == [
        "css/main.css: ../img/none.png",
        "index.html: ../outside.png",
        "index.html: img/gone.png",
    ]
    assert "Missing: index.html: img/gone.png" in done.stderr
    funnel = store.funnels.find_one({}) or {}
    assert (str(funnel["_id"]), funnel["name"], funnel["account_id"]) == (told["funnel_id"], "Garden", account)
    assert (funnel["pending"], funnel["in_progress"], funnel["live_chat_widget"]) == (False, False, False)
    assert {record["parent_account"] for record in store.images.find()} == {"p"}


def test_pages_come_in_order_and_each_has_its_documents(store: Store, settings: Settings, site: Path) -> None:
    funnel_id = imported(site, store, settings).funnel_id
    by_path = pages(store, funnel_id)
    funnel = store.funnels.find_one({"_id": funnel_id}) or {}
    order = ["index.html", "about.html", "blog/index.html", "zebra.HTM"]
    assert funnel["steps"] == [by_path[path]["_id"] for path in order]
    assert [by_path[path]["name"] for path in order] == ["Home & Garden", "About", "blog/index.html", "zebra.HTM"]
    for step in by_path.values():
        assert isinstance(step["version"], Int64)
        tree = store.components.find_one({"step_id": step["_id"], "funnel_id": funnel_id}) or {}
        assert json.loads(tree["components"])["stepId"] == str(step["_id"])


def test_links_between_pages_lead_to_steps_and_others_stay(store: Store, settings: Settings, site: Path) -> None:
    funnel_id = imported(site, store, settings).funnel_id
    by_path = pages(store, funnel_id)

    def link(path: str) -> str:
        return f'href="/funnel/{funnel_id}/step/{by_path[path]["_id"]}'

    html = by_path["index.html"]["raw_html"]
    for expected in (f'{link("about.html")}#team"', f'{link("index.html")}"', f'{link("blog/index.html")}?page=2"'):
        assert expected in html
    for kept in ('href="#top"', 'href="https://example.com/about.html"', 'href="mailto:a@example.com"'):
        assert kept in html
    assert link("about.html") in by_path["blog/index.html"]["raw_html"]


def test_every_reference_is_the_key_of_an_object_with_its_content_type(
    store: Store, settings: Settings, site: Path, s3: Any, bucket: str
) -> None:
    funnel_id = imported(site, store, settings).funnel_id
    records = {record["key"]: record for record in store.images.find({"ref_id": funnel_id})}
    html = "".join(step["raw_html"] for step in pages(store, funnel_id).values())
    shown = {key.replace("%20", " ") for key in URL.findall(html)}
    assert shown == set(records), "each object is shown, and nothing else"
    for key, record in records.items():
        head = s3.head_object(Bucket=bucket, Key=key)
        assert head["ContentLength"] == record["fileSize"]
        assert head["ContentType"] == record["additionalInfo"]["ContentType"]
        assert key == f"{key[:36]}/{record['fileName']}"
    types = {record["fileName"]: record["additionalInfo"]["ContentType"] for record in records.values()}
    assert types == {
        **{f"{n}.png": "image/png" for n in ("hero one", "head", "body", "pixel", "late", "lazy", "set", "more")},
        "small.webp": "image/webp",
        "poster.jpg": "image/jpeg",
        "sprite.svg": "image/svg+xml",
        "favicon.ico": "image/x-icon",
        "f.woff2": "font/woff2",
        "clip.mp4": "video/mp4",
        "module.js": "text/javascript",
    }
    body = s3.get_object(Bucket=bucket, Key=next(key for key in records if key.endswith("/head.png")))["Body"].read()
    assert body == PNG


def test_what_is_no_reference_stays_as_it_reads(store: Store, settings: Settings, site: Path) -> None:
    html = pages(store, imported(site, store, settings).funnel_id)["index.html"]["raw_html"]
    for kept in (
        '<!-- <img src="img/comment.png"> -->',
        'alt="a &gt; b"',
        'src="data:image/png;base64,AAAA"',
        'src="img/gone.png"',
        'src="../outside.png"',
        'content:"url(../img/head.png)"',
        "url(../img/none.png)",
        "url(data:image/png;base64,AAAA)",
        "if (1 < 2 && 3) { go('</p>'); }",
        "#tick",
    ):
        assert kept in html
    assert "@media print{p{background" in html
    assert '<style media="screen">' in html
    assert "@charset" not in html
    assert html.index("<noscript>") < html.index("<body"), "what stood in the head stays there"


def test_forms_become_documents_and_embeds(store: Store, settings: Settings, site: Path) -> None:
    funnel_id = imported(site, store, settings).funnel_id
    html = pages(store, funnel_id)["index.html"]["raw_html"]
    assert "<form" not in html
    embedded = re.findall(r'<iframe [^>]*src="/userform/([0-9a-f-]{36})\?embed=1"', html)
    signup, note = (store.forms.find_one({"form_secret_id": secret}) or {} for secret in embedded)
    assert (signup["form_name"], note["form_name"]) == ("signup", "Form on Home & Garden")
    assert signup["fields"] == [
        {"name": "mail", "label": "Your mail", "type": "email", "required": True},
        {"name": "plan", "label": "plan", "type": "select", "required": False, "options": ["A", "B"]},
    ]
    tree = (store.components.find_one({"funnel_id": funnel_id, "components": {"$regex": "userform"}}) or {})[
        "components"
    ]
    assert set(re.findall(r"/userform/([0-9a-f-]{36})", tree)) == set(embedded)


def test_a_folder_without_pages_is_refused_and_nothing_is_written(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    fill(tmp_path / "empty", {"img/a.png": PNG, "notes.txt": "no page"})
    done = command(settings, tmp_path / "empty", "--name", "N", "--json")
    assert done.returncode == 2
    assert "holds no HTML page" in json.loads(done.stdout)["error"]
    with pytest.raises(PermanentError, match="holds no HTML page"):
        imported(tmp_path / "empty", store, settings)
    assert store.db.list_collection_names() == []


@pytest.mark.parametrize(("folder", "more"), [("nowhere", ()), ("site", ("--account", "nobody"))])
def test_an_unknown_folder_or_account_ends_with_2(
    settings: Settings, store: Store, site: Path, folder: str, more: tuple[str, ...]
) -> None:
    done = command(settings, site.parent / folder, "--name", "N", *more)
    assert done.returncode == 2, done.stderr
    assert (more[-1] if more else folder) in done.stderr
    assert store.funnels.count_documents({}) == 0


def test_without_an_account_a_new_one_owns_it_and_chat_is_on_every_page(
    settings: Settings, store: Store, site: Path
) -> None:
    done = command(settings, site, "--name", "Garden", "--chat")
    assert done.returncode == 0, done.stderr
    assert re.search(r"Garden: 4 pages, 15 images, 2 forms, 3 missing", done.stdout)
    funnel = store.funnels.find_one({}) or {}
    assert str(funnel["_id"]) in done.stdout
    assert funnel["live_chat_widget"] is True
    assert (store.db["_accounts"].find_one({"_id": funnel["account_id"]}) or {})["name"] == "Garden"
    keys = {key for step in store.steps.find() for key in re.findall(r'api-key="([^"]+)"', step["raw_html"])}
    assert len(keys) == 1, "one key a funnel"


def test_an_import_that_breaks_off_leaves_no_funnel(store: Store, settings: Settings, site: Path) -> None:
    (site / "zebra.HTM").write_bytes(b"x" * 17 * 1024 * 1024)
    with pytest.raises(PermanentError):
        imported(site, store, settings)
    assert store.steps.count_documents({}) == 3
    assert store.funnels.count_documents({}) == 0


def test_pages_of_other_encodings_are_kept_as_text(store: Store, settings: Settings, tmp_path: Path) -> None:
    legacy = '<html><head><meta charset="windows-1251"><title>Сад</title></head></html>'.encode("windows-1251")
    folder = fill(tmp_path / "old", {"index.html": legacy, "b.html": "\ufeff<title>Köln</title>".encode()})
    by_path = pages(store, imported(folder, store, settings).funnel_id)
    assert (by_path["index.html"]["name"], by_path["b.html"]["name"]) == ("Сад", "Köln")
    for step in by_path.values():
        assert '<meta charset="utf-8">' in step["raw_html"]
        assert "windows-1251" not in step["raw_html"]


@pytest.mark.parametrize(
    ("page", "sheet", "expected"),
    [
        ('<base href="img/"><img src="a.png">', "", 'src="KEY"'),
        ("<img srcset='img/it%27s%20%231,%202%25.png 2x'>", "", 'srcset="KEY 2x"'),
        ('<p data-bg="img/a.png" data-more="img">', "", 'data-bg="KEY" data-more="img"'),
        ('<meta http-equiv="refresh" content="0; url=other.html">', "", 'content="0; url=STEP"'),
        (
            '<link rel="preload" as="style" href="s.css"><link rel="stylesheet" href="s.css">',
            "a{}",
            "<style>a{}</style>",
        ),
        ('<link rel="stylesheet" href="s.css">', "@import 's.css';a{}", "<style>a{}</style>"),
        (
            '<link rel="stylesheet" href="s.css">',
            "@import 'x.css' layer(l) supports(gap: 1px) print;",
            "<style>@media print{@supports (gap: 1px){@layer l{p{background:url(KEY)}}}}</style>",
        ),
        ('<link rel="stylesheet" href="s.css">', "a{" + "(" * 5_000, "((((("),
        ("<p style=\"background:url('img/a.png')\">", "", 'style="background:url(&quot;KEY&quot;)"'),
        ("<div>" * 5_000 + '<img src="img/a.png">', "", 'src="KEY"'),
        ("<frameset><frame src='other.html'></frameset>", "", 'src="STEP"'),
        ('<object data="img/a.png"></object><img src="/userform/1">', "", '"KEY"></object><img src="/userform/1">'),
    ],
)
def test_references_are_found_wherever_browsers_find_them(
    store: Store, settings: Settings, tmp_path: Path, page: str, sheet: str, expected: str
) -> None:
    files: dict[str, str | bytes] = {"index.html": page, "s.css": sheet, "other.html": "", "img/a.png": PNG}
    files |= {"x.css": "p{background:url(img/a.png)}", "img/it's #1, 2%.png": PNG}
    made = imported(fill(tmp_path / "one", files), store, settings)
    html = pages(store, made.funnel_id)["index.html"]["raw_html"]
    html = re.sub(r"/funnel/[0-9a-f]{24}/step/[0-9a-f]{24}", "STEP", URL.sub("KEY", html))
    assert expected in html.replace('url("KEY")', "url(KEY)")
    assert made.missing == ()


def test_links_out_of_the_folder_are_not_followed(store: Store, settings: Settings, site: Path) -> None:
    (site / "img" / "link.png").symlink_to(site.parent / "outside.png")
    (site / "about.html").write_text('<img src="img/link.png"><img src="%2e%2e/outside.png">')
    made = imported(site, store, settings)
    assert {"about.html: img/link.png", "about.html: %2e%2e/outside.png"} <= set(made.missing)
    assert store.images.count_documents({"fileName": {"$in": ["link.png", "outside.png"]}}) == 0


def test_a_clone_of_an_import_is_sound_chat_and_all(
    store: Store, settings: Settings, site: Path, database: Any, s3: Any, workshop: Workshop
) -> None:
    database["support_tokens"].insert_one({"domain": PREVIEW_DOMAIN, "token": TOKEN})
    made = imported(site, store, settings, chat=True)
    for step in pages(store, made.funnel_id).values():
        assert step["raw_html"].count('custom-chat-widget="true"') == 1
    clone = request_clone(database, made.funnel_id)
    workshop.clone()
    assert_sound(database, s3, clone, None, PREVIEW_DOMAIN)


def test_hundreds_of_files_go_through_and_are_told_of(store: Store, settings: Settings, tmp_path: Path) -> None:
    body = "".join(f'<img src="img/{{0}}-{n}.png">' for n in range(9))
    files: dict[str, str | bytes] = {f"p{page:03}.html": body.format(page) for page in range(60)}
    files |= {f"img/{page}-{n}.png": PNG + bytes([n]) for page in range(60) for n in range(9)}
    done = command(settings, fill(tmp_path / "large", files), "--name", "Large", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["steps"], told["images"], told["missing"]) == (60, 540, [])
    assert "60 of 60 pages, 540 images" in done.stderr
    assert store.images.count_documents({}) == 540


def test_no_page_is_held_once_it_is_written(store: Store, settings: Settings, tmp_path: Path) -> None:
    filler = f"<p>{'garden ' * 30_000}</p>"
    folder = fill(tmp_path / "long", {f"p{page:02}.html": f"<title>{page}</title>{filler}" for page in range(40)})
    held: list[int] = []
    tracemalloc.start()
    try:
        imported(folder, store, settings, told=lambda *_: held.append(tracemalloc.get_traced_memory()[0]))
    finally:
        tracemalloc.stop()
    assert len(held) == 40
    assert held[-1] - held[9] < 10 * len(filler), "thirty pages more are worth less than ten in memory"
