"""The page for operators: files that lie beside this module, as they are."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from engine.gateway.problems import Problem

FOLDER = Path(__file__).parent / "console"
PAGE = FOLDER / "index.html"


def add_console(app: FastAPI) -> None:
    """``GET /`` and ``/static/…``; none of them holds a secret: the page asks for the token."""

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        if not PAGE.is_file():
            raise Problem(404, "this installation has no console")
        return FileResponse(PAGE, media_type="text/html; charset=utf-8")

    app.mount("/static", StaticFiles(directory=FOLDER, check_dir=False))
