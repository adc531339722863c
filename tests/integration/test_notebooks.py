"""Notebooks do what they show."""

from pathlib import Path

import pytest

from engine.edges.mongo.client import Store
from engine.settings import Settings
from tests.gateway import gateway_here, token
from tests.notebooks import FOLDER, cells_of, executed, text_of
from tests.outbox import account_with_user, complete
from tests.socket_client import client_folder


def test_b20_ten_lines_of_python_and_of_javascript_hear_that_a_clone_is_complete(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    account, user = account_with_user(store)
    event_id = complete(store, account)
    with gateway_here(settings) as gateway:
        _, python, javascript = executed(
            "listen.ipynb",
            GATEWAY_URL=gateway.url,
            GATEWAY_USER_TOKEN=token(user),
            NODE_PATH=str(client_folder() / "node_modules"),
            HOME=str(tmp_path),
        )
    for cell in (python, javascript):
        assert len(cell.source.splitlines()) <= 11
        assert event_id in text_of(cell)
        assert '"status":"completed"' in text_of(cell).replace("'", '"').replace('": "', '":"')


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.ipynb")))
def test_a_notebook_is_kept_with_what_it_puts_out(name: str) -> None:
    cells = cells_of(name)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(text_of(cell) for cell in cells)
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
