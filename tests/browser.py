"""A headless browser, and a server that shows it the pages and objects of one database and bucket."""

import re
import shutil
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError
from bson import ObjectId
from PIL import Image
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

FORM = b"<!DOCTYPE html><title>A form</title><input placeholder='E-mail'><button>Send</button>"


@contextmanager
def shown(database: Any, s3: Any, bucket: str) -> Iterator[str]:
    """Serve steps at /funnel/<id>/step/<id>, and objects without signatures; yields the server's URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            answer = self._answer(path)
            self.send_response(200 if answer else 404)
            kind, body = answer or ("text/plain", b"")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self, path: str) -> tuple[str, bytes] | None:
            if path.startswith("/userform/"):
                secret = path.removeprefix("/userform/")
                return ("text/html", FORM) if database["forms"].find_one({"form_secret_id": secret}) else None
            if step := re.fullmatch(r"/funnel/([0-9a-f]{24})/step/([0-9a-f]{24})", path):
                found = database["funnel.step"].find_one({"_id": ObjectId(step[2]), "funnel_id": ObjectId(step[1])})
                page = found["raw_html"].replace(s3.meta.endpoint_url.rstrip("/"), "") if found else ""
                return ("text/html; charset=utf-8", page.encode()) if found else None
            try:
                got = s3.get_object(Bucket=bucket, Key=path.removeprefix(f"/{bucket}/"))
            except ClientError:
                return None
            return got["ContentType"], got["Body"].read()

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is not on PATH: .ci/run installs it"
    return path


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """A headless Chromium that reaches this machine alone."""
    options = ChromeOptions()
    options.binary_location = program("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--force-prefers-reduced-motion",
        "--window-size=1200,900",
        "--no-proxy-server",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    driver = Chrome(options=options, service=Service(program("chromedriver")))
    driver.set_page_load_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


# Pictures that load lazily would load when somebody scrolls to them.
_SETTLED = """
const done = arguments[0];
const pictures = [...document.images];
pictures.forEach(picture => { picture.loading = "eager"; });
const style = document.createElement("style");
style.textContent = "*, *::before, *::after { transition: none !important; animation: none !important; }";
document.head.append(style);
Promise.all([document.fonts.ready, ...pictures.map(picture => picture.decode().catch(() => null))]).then(() => done(
    pictures.map(picture => [picture.currentSrc, picture.complete ? picture.naturalWidth : 0])
));
"""


def pictures_of(driver: Chrome, url: str) -> list[tuple[str, int]]:
    """Open a page and wait for its pictures; each one's address and natural width, 0 where it did not load."""
    driver.get(url)
    found: list[tuple[str, int]] = [tuple(entry) for entry in driver.execute_async_script(_SETTLED)]
    return found


def background_urls(driver: Chrome) -> list[str]:
    """The addresses of the background pictures that the page shows."""
    script = "return [...document.querySelectorAll('*')].map(e => getComputedStyle(e).backgroundImage)"
    return [url for value in driver.execute_script(script) for url in re.findall(r'url\("(http[^"]+)"\)', value)]


def screenshot(driver: Chrome) -> Image.Image:
    """The whole page, below the window's edge as well."""
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True})
    return Image.open(BytesIO(b64decode(taken["data"]))).convert("RGB")
