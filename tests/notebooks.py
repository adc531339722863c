"""Notebooks, executed as they stand in the checkout, in a kernel of their own."""

import os
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.command_line import CHECKOUT

FOLDER = CHECKOUT / "notebooks"
WITHIN_S = 240


def _read(name: str) -> Any:
    return nbformat.read(FOLDER / name, 4)  # type: ignore[no-untyped-call]


def cells_of(name: str) -> list[Any]:
    """Its code cells, with the outputs that are kept with it."""
    return [cell for cell in _read(name).cells if cell.cell_type == "code"]


def executed(name: str, **environment: str) -> list[Any]:
    """Its code cells with what they put out now; a cell that fails is raised. Nothing is written."""
    notebook = _read(name)
    client = NotebookClient(notebook, timeout=WITHIN_S, kernel_name="python3", resources={"metadata": {"path": FOLDER}})
    client.execute(env={**os.environ, "IPYTHONDIR": environment["HOME"], **environment})
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(cell: Any) -> str:
    """All that a cell put out, as plain text."""
    outputs = cell.outputs
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
