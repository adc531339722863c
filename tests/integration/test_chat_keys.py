"""Chat keys in whole clones (B16, D12), on a real MongoDB: which are replaced, and which are not ours to touch."""

import html
import json
from typing import Any

import pytest

from engine.edges.mongo.client import Store
from tests.funnels import request_clone
from tests.in_process import Workshop
from tests.plain_pages import errors_of, original, texts_of

TAG = '<script src="w.js" custom-chat-widget="true" api-key="KEY"></script>'
FRAME = f'<iframe srcdoc="{html.escape(TAG)}"></iframe>'
PAGES = [(TAG, json.dumps({"html": TAG, "frame": FRAME})), (FRAME, "{}"), ("<p>none</p>", json.dumps([[TAG]]))]


def set_token(store: Store, workshop: Workshop, token: str) -> None:
    store.db["support_tokens"].insert_one({"domain": workshop.settings.chat.preview_domain, "token": token})


def test_b16_every_key_becomes_the_token_on_html_in_components_and_in_frames(
    store: Store, workshop: Workshop, database: Any
) -> None:
    set_token(store, workshop, "tok$1&")
    clone_id = request_clone(database, original(store, *PAGES, live_chat_widget=True))
    _, result = workshop.clone()
    assert result.errors == ()
    tag, frame = TAG.replace("KEY", "tok$1&amp;"), FRAME.replace("KEY", "tok$1&amp;amp;")
    assert texts_of(store, clone_id) == [
        (tag, json.dumps({"html": tag, "frame": frame})),
        (frame, "{}"),
        ("<p>none</p>", json.dumps([[tag]])),
    ]
    assert html.escape(tag) in frame


def test_d12_without_a_token_every_key_is_empty_and_the_pages_that_have_one_say_so(
    store: Store, workshop: Workshop, database: Any
) -> None:
    clone_id = request_clone(database, original(store, *PAGES, ("<p>none</p>", "{}"), live_chat_widget=True))
    _, result = workshop.clone()
    assert len(result.errors) == 1
    assert texts_of(store, clone_id) == [
        *((page.replace("KEY", ""), tree.replace("KEY", "")) for page, tree in PAGES),
        ("<p>none</p>", "{}"),
    ]
    said = [[error.partition(":")[0] for error in errors] for errors in errors_of(store, clone_id)]
    assert said == [["chat"], ["chat"], ["chat"], []]


@pytest.mark.parametrize("setting", [{"live_chat_widget": False}, {}, {"live_chat_widget": None}])
def test_b16_where_the_original_has_its_widget_off_no_key_is_touched(
    store: Store, workshop: Workshop, database: Any, setting: dict[str, Any]
) -> None:
    set_token(store, workshop, "tok")
    clone_id = request_clone(database, original(store, *PAGES, **setting))
    _, result = workshop.clone()
    assert result.errors == ()
    assert texts_of(store, clone_id) == PAGES


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://other.example.com/w.js" api-key="KEY"></script>',
        '<script custom-chat-widget="false" api-key="KEY"></script>',
        '<script custom-chat-widget="" api-key="KEY"></script>',
        '<script custom-chat-widget api-key="KEY"></script>',
        '<script data-custom-chat-widget="true" api-key="KEY"></script>',
        '<div custom-chat-widget="true" api-key="KEY"></div>',
    ],
)
def test_b16_widgets_of_other_vendors_are_not_touched(
    store: Store, workshop: Workshop, database: Any, tag: str
) -> None:
    set_token(store, workshop, "tok")
    pages = [(tag, json.dumps({"html": tag})), (html.escape(tag), json.dumps([html.escape(tag)]))]
    clone_id = request_clone(database, original(store, *pages, live_chat_widget=True))
    _, result = workshop.clone()
    assert result.errors == ()
    assert texts_of(store, clone_id) == pages
