"""The one document that a command prints holds any text that a page may hold."""

import json

import pytest

from engine.cli.command import print_json


@pytest.mark.parametrize("text", ["plain", "é😀", "half a pair \ud83d", '"\\\n'])
def test_a_document_of_any_text_is_json_that_reads_as_it_was(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"detail": text})
    written = capsys.readouterr().out
    written.encode()
    assert json.loads(written) == {"detail": text}
