"""The console in a browser, before a scripted gateway: what operators see, and do by keys, on a phone, in the dark."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from selenium.webdriver import Chrome, Keys

from tests.browser import chromium
from tests.console_fake import NOTHING_MADE, TOKEN, FakeGateway, a_clone, fake_gateway
from tests.console_page import DESKTOP, PHONE, ConsolePage
from tests.page_contrast import faint_texts, nameless_controls, repeated_ids

# What reaches over the right edge; the states scroll within their own strip.
_OUTSIDE = """
return [...document.querySelectorAll("button, a, input, p, h1, h2, code")]
  .filter((node) => node.checkVisibility() && !node.closest(".tabs, .unseen"))
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
  .map((node) => node.outerHTML);
"""
NOT_FOUND = "404 (Not Found)"  # the clone that nobody has
MARKUP = '<img src=x onerror="document.title=1">'
LONG = "Averyveryverylongnamewithoutasinglespacethatsomebodypastedfromsomewhereelse" * 2


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as fake:
        yield fake


@pytest.fixture
def page(driver: Chrome, gateway: FakeGateway) -> Iterator[ConsolePage]:
    opened = ConsolePage(driver, gateway.url)
    opened.sized(DESKTOP)
    yield opened
    # Nobody shall go on calling a gateway that is gone.
    driver.get("about:blank")
    opened.complaints()


def fill(gateway: FakeGateway, *clones: dict[str, object]) -> None:
    gateway.clones = {str(clone["funnel_id"]): clone for clone in clones}


def every_sort(gateway: FakeGateway) -> list[str]:
    """A clone in each state, the second with all that a page can show; their ids."""
    soon = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()
    fill(
        gateway,
        a_clone(1, "cloning", steps_done=3, steps_total=8, images_done=10, images_total=32),
        a_clone(2, name=LONG, errors=["image k/a.png: the object is gone", "chat: no token"]),
        a_clone(3, "failed", errors=[f"step 1: {LONG}"], steps_done=1, steps_total=3),
        a_clone(4, "waiting", next_try_at=soon, reason="S3 answered SlowDown"),
        a_clone(5, "cancelled"),
        a_clone(6, "source_deleted", errors=["Original Funnel not found, id:x"]),
        a_clone(7, name=MARKUP),
    )
    ids = [*gateway.clones]
    gateway.details[ids[1]] = NOTHING_MADE | {
        "steps": [
            {"step_id": f"s{n}", "original_step_id": "o", "name": name, "state": state, "errors": errors, "version": 1}
            for n, (name, state, errors) in enumerate(
                [
                    (LONG, "done", []),
                    ("Order", "cloning", []),
                    ("Thanks", "pending", []),
                    ("Up", "done", [f"x: {LONG}"]),
                ]
            )
        ],
        "images": [
            {
                "record_id": "a",
                "file_name": f"{LONG}.png",
                "bytes": 51_200,
                "uploaded": True,
                "key": "k/a",
                "location": None,
            },
            {"record_id": "b", "file_name": "b.png", "bytes": None, "uploaded": False, "key": None, "location": None},
            {
                "record_id": "c",
                "file_name": "c",
                "bytes": 1,
                "uploaded": True,
                "key": "k",
                "location": f"{gateway.url}/static/icon.svg",
            },
        ],
        "forms": [{"form_id": "0b5c7f0e-58c4-5e4b-9f60-0d1a5a2f9f11", "name": LONG}],
        "errors_by_item": [
            {"kind": "image", "item": "k/a.png", "detail": "the object is gone"},
            {"kind": "chat", "item": None, "detail": "no token"},
            {"kind": None, "item": None, "detail": LONG},
        ],
        "timings": {"waited_s": 2.5, "cloned_s": 75.0},
        "proof": {"digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    }
    return ids


def test_a_wrong_token_is_told_and_a_right_one_is_kept_for_the_tab_alone(
    page: ConsolePage, gateway: FakeGateway
) -> None:
    fill(gateway, a_clone(1))
    page.open()
    field = page.one("#token")
    field.send_keys("wrong", Keys.ENTER)
    page.reads("The gateway does not know this token.")
    field.clear()
    field.send_keys(TOKEN, Keys.ENTER)
    page.reads("Funnel 1", "Live")
    kept = page.driver.execute_script("return [Object.values(sessionStorage), localStorage.length, document.cookie]")
    assert kept == [[TOKEN], 0, ""]
    page.button("Sign out").click()
    page.one("#token")
    assert page.driver.execute_script("return sessionStorage.length") == 0


def test_an_empty_list_says_what_to_do(page: ConsolePage) -> None:
    page.open(token=TOKEN)
    page.reads("No clones yet", "Request a clone")


def test_a_view_of_hundreds_is_its_address(page: ConsolePage, gateway: FakeGateway) -> None:
    fill(gateway, *(a_clone(n, "failed" if n % 4 == 0 else "completed") for n in range(1, 301)))
    page.open(token=TOKEN)
    page.reads("50 clones on this page", "All", "300")
    page.button("Older").click()
    page.wait(lambda: page.names()[0] == "Funnel 51")
    page.button("Newer").click()
    page.wait(lambda: page.names()[0] == "Funnel 1")
    page.one(".tab[data-state='failed']").click()
    page.wait(lambda: page.names()[0] == "Funnel 4")
    page.all(".account")[0].click()
    page.wait(lambda: page.names()[:2] == ["Funnel 4", "Funnel 16"])
    page.one("input[type=search]").send_keys("funnel 1")
    page.wait(
        lambda: (
            page.names()
            == [
                "Funnel 16",
                "Funnel 100",
                "Funnel 112",
                "Funnel 124",
                "Funnel 136",
                "Funnel 148",
                "Funnel 160",
                "Funnel 172",
                "Funnel 184",
                "Funnel 196",
            ]
        )
    )
    shared = page.driver.current_url
    page.open(shared.removeprefix(f"{page.url}/"), token=TOKEN)
    page.wait(lambda: page.names()[:2] == ["Funnel 16", "Funnel 100"])
    assert page.one(".tab[aria-pressed='true']").get_attribute("data-state") == "failed"
    page.one("input[type=search]").send_keys("nothing like it")
    page.reads("No clone matches")
    page.button("Clear filters", ".blank").click()
    page.wait(lambda: len(page.names()) == 50)


def test_progress_and_ends_show_as_they_come(page: ConsolePage, gateway: FakeGateway) -> None:
    clone = a_clone(1, "cloning", steps_total=4, images_total=6)
    fill(gateway, clone)
    page.open(token=TOKEN)
    page.reads("Live")
    figures = {"steps_done": 2, "steps_total": 4, "images_done": 3, "images_total": 6}
    gateway.emit("funnel_cloning_progress", {"funnel_id": clone["funnel_id"], "account_id": "acc1", **figures})
    page.reads("2 of 4 steps, 3 of 6 images")
    bar = page.one("[role=progressbar]")
    assert bar.get_attribute("aria-valuenow") == "50"
    assert bar.get_attribute("aria-label") == "Progress of Funnel 1"
    clone |= a_clone(1, steps_total=4, steps_done=4, images_done=6, images_total=6)
    ended = {"funnel_id": clone["funnel_id"], "status": "completed", "event_id": "1:completed", "account_id": "acc1"}
    gateway.emit("funnel_cloning_completed", ended)
    page.reads("4 steps, 6 images")
    page.shows("Funnel 1", "Completed")
    assert page.driver.find_element("id", "announcements").get_attribute("textContent") == "Funnel 1: Completed."


def test_b20_an_event_that_comes_twice_is_told_once(page: ConsolePage, gateway: FakeGateway) -> None:
    clone = a_clone(1, "failed", errors=["x"])
    fill(gateway, clone)
    page.open(token=TOKEN)
    for _ in range(2):
        page.button("Retry Funnel 1").click()
        page.button("Retry", "dialog").click()
        page.wait(lambda: not page.all("dialog"))
        page.shows("Funnel 1", "Waiting")
        clone["state"] = "failed"
        told = {"funnel_id": clone["funnel_id"], "status": "failed", "reason": "poison", "event_id": "e1"}
        gateway.emit("funnel_cloning_failed", told)
        gateway.emit("clone_changed", {"funnel_id": clone["funnel_id"], "state": "failed", "account_id": "acc1"})
        page.button("Retry Funnel 1")
    assert [toast.text.split("\n")[0] for toast in page.all(".toast.bad")] == ["Funnel 1: failed: poison."]


def test_a_lost_line_is_told_and_what_was_missed_is_caught_up(page: ConsolePage, gateway: FakeGateway) -> None:
    clone = a_clone(1, "cloning", steps_total=4)
    fill(gateway, clone)
    page.open(token=TOKEN)
    page.reads("Live")
    changed = {"funnel_id": "other", "state": "cancelled", "account_id": "acc1", "event_id": "last-seen"}
    gateway.emit("clone_changed", changed)
    gateway.stop()
    page.reads("Connection lost.")
    page.shows("Funnel 1", "Cloning")
    clone |= a_clone(1)
    gateway.start()
    page.reads("Catching up on what happened meanwhile")
    page.reads("Live", "4 steps, 9 images")
    page.shows("Funnel 1", "Completed")
    assert "Catching up" not in page.text()
    assert [auth.get("since") for auth in gateway.connected_with] == [None, "last-seen"]


def test_a_token_that_is_taken_back_ends_the_session(page: ConsolePage, gateway: FakeGateway) -> None:
    page.open(token=TOKEN)
    page.reads("No clones yet")
    page.driver.execute_script("sessionStorage.setItem('funnel-clone.operator-token', 'old')")
    gateway.emit("clone_changed", {"funnel_id": "x", "state": "cancelled"})
    page.reads("The gateway no longer takes the token.")


def test_nothing_is_done_without_a_yes(page: ConsolePage, gateway: FakeGateway) -> None:
    fill(gateway, a_clone(1, "cloning"))
    page.open(token=TOKEN)
    opener = page.button("Cancel Funnel 1")
    opener.click()
    page.reads("Cancel Funnel 1?", "What was made stays")
    assert page.focused() == "Not now"
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.all("dialog"))
    assert gateway.calls == []
    assert page.focused() == "Cancel Funnel 1"
    opener.click()
    page.button("Cancel clone", "dialog").click()
    page.reads("Funnel 1 is cancelled.")
    assert gateway.calls == [("POST", f"clones/{a_clone(1)['funnel_id']}/cancel", {})]


def test_a_refusal_that_force_helps_offers_force_and_says_what_it_overwrites(
    page: ConsolePage, gateway: FakeGateway
) -> None:
    clone = a_clone(1, errors=["image k: gone"])
    fill(gateway, clone)
    path = f"clones/{clone['funnel_id']}/retry"
    edited = [{"step_id": "s", "name": "Order form", "texts": ["page"], "reason": "its page was edited"}]
    gateway.answers[path] = [(409, {"detail": "1 page would be overwritten", "force_helps": True, "edited": edited})]
    page.open(f"#/clones/{clone['funnel_id']}", token=TOKEN)
    page.button("Retry").click()
    page.button("Retry", "dialog").click()
    page.reads("1 page would be overwritten", "Order form: its page was edited")
    page.button("Retry and overwrite", "dialog").click()
    page.reads("Funnel 1 is asked for again.", "Waiting")
    assert [body for _, _, body in gateway.calls] == [{"force": False}, {"force": True}]


def test_an_undone_clone_is_gone_from_the_list(page: ConsolePage, gateway: FakeGateway) -> None:
    fill(gateway, a_clone(1), a_clone(2))
    page.open(f"#/clones/{a_clone(1)['funnel_id']}", token=TOKEN)
    page.button("Undo").click()
    page.reads("Removes all that the clone made, and nothing else: 4 pages, 9 images", "This cannot be taken back.")
    assert page.focused() == "Not now"
    page.button("Undo clone", "dialog").click()
    page.reads("Funnel 1 is undone: what it made is removed.")
    page.wait(lambda: page.names() == ["Funnel 2"])
    assert gateway.calls == [("POST", f"clones/{a_clone(1)['funnel_id']}/undo", {"force": False})]


def test_a_clone_that_is_being_undone_says_so_and_another_yes_goes_on_with_it(
    page: ConsolePage, gateway: FakeGateway
) -> None:
    clone = a_clone(1, "undoing")
    fill(gateway, clone)
    path = f"clones/{clone['funnel_id']}/undo"
    gateway.answers[path] = [(200, {"funnel_id": clone["funnel_id"], "state": "undoing"})]
    page.open(token=TOKEN)
    page.shows("Funnel 1", "Being undone")
    page.one(".rows .name").click()
    page.reads("What it made is being removed. Nobody else can work on it.")
    page.button("Undo").click()
    page.reads("Go on to undo Funnel 1?", "Somebody began to undo this clone.")
    page.button("Undo clone", "dialog").click()
    page.reads("Funnel 1 is being undone: what it made is being removed.")
    page.shows("Funnel 1", "Being undone")


def test_a_refusal_that_nothing_helps_stays_in_the_dialog(page: ConsolePage, gateway: FakeGateway) -> None:
    gateway.answers["trigger/funnels/funnelClone"] = [(409, {"detail": "a pass runs already"})]
    page.open(token=TOKEN)
    page.button("Run a pass").click()
    page.button("Run a pass", "dialog").click()
    page.reads("a pass runs already")
    page.button("Run a pass", "dialog").click()
    page.reads("A pass was started.")


def test_by_keys_alone(page: ConsolePage, gateway: FakeGateway) -> None:
    fill(gateway, *(a_clone(n, "failed" if n == 3 else "completed") for n in range(1, 6)))
    page.open(token=TOKEN)
    page.reads("Funnel 5")
    page.press("/")
    page.wait(lambda: page.focused() == "Search by name or id")
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == "Funnel 1"
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert page.focused() == "Funnel 3"
    outline = "return getComputedStyle(document.activeElement, '::after').outlineStyle"
    assert page.driver.execute_script(outline) == "solid"
    page.press(Keys.ENTER)
    page.reads("Failed", "Facts")
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.focused() == "Funnel 3", "the focus where it was")
    page.press(Keys.ARROW_RIGHT)
    assert page.focused() == "Retry Funnel 3"
    page.press(Keys.ENTER)
    page.wait(lambda: page.focused() == "Retry")
    page.press(Keys.ENTER)
    page.reads("Funnel 3 is asked for again.")
    page.press("?")
    page.reads("Keys", "From clone to clone")
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.all("dialog"))


def test_the_list_is_one_stop_of_tab(page: ConsolePage, gateway: FakeGateway) -> None:
    fill(gateway, *(a_clone(n) for n in range(1, 40)))
    page.open(token=TOKEN)
    page.reads("Funnel 39")
    stops = page.driver.execute_script("return document.querySelectorAll('.rows [tabindex=\"0\"]').length")
    assert stops == 2  # the row's link, and its account


VIEWS = {
    "signed out": (None, ""),
    "list": (TOKEN, "#/clones"),
    "clone": (TOKEN, "#/clones/{1}"),
    "unknown clone": (TOKEN, "#/clones/none"),
    "dialog": (TOKEN, "#/clones/{0}"),
    "request": (TOKEN, "#/clones"),
}
READS = {
    "signed out": "Operator token",
    "list": "Funnel 6",
    "clone": "What could not be cloned",
    "unknown clone": "No clone has this id",
    "dialog": "Cancel Funnel 1?",
    "request": "Left empty: the original's account.",
}
OPENERS = {"dialog": "Cancel", "request": "Request a clone"}


def look_at(page: ConsolePage, gateway: FakeGateway, view: str) -> None:
    ids = every_sort(gateway)
    token, place = VIEWS[view]
    page.open(place.format(*ids), token=token)
    if view in OPENERS:
        page.button(OPENERS[view]).click()
    page.reads(READS[view])


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_of_360_pixels_needs_no_sideways_scrolling(page: ConsolePage, gateway: FakeGateway, view: str) -> None:
    page.sized(PHONE)
    look_at(page, gateway, view)
    assert page.wider_than_the_window_by() == 0
    assert page.driver.execute_script(_OUTSIDE) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_texts_stand_out_and_controls_have_names(
    page: ConsolePage, gateway: FakeGateway, view: str, *, dark: bool
) -> None:
    page.sized(DESKTOP, dark=dark)
    look_at(page, gateway, view)
    assert faint_texts(page.driver) == []
    assert nameless_controls(page.driver) == []
    assert repeated_ids(page.driver) == []
    assert [each for each in page.complaints() if not each.endswith(NOT_FOUND)] == []


def test_a_name_is_text_whatever_it_holds(page: ConsolePage, gateway: FakeGateway) -> None:
    ids = every_sort(gateway)
    page.open(token=TOKEN)
    page.reads(MARKUP)
    page.open(f"#/clones/{ids[6]}", token=TOKEN)
    page.reads(MARKUP)
    assert page.driver.title != "1"
    assert page.all("img[src=x]") == []


def test_a_clone_page_tells_of_all_its_parts(page: ConsolePage, gateway: FakeGateway) -> None:
    ids = every_sort(gateway)
    page.open(f"#/clones/{ids[1]}", token=TOKEN)
    page.reads(
        "Completed with errors", "k/a.png", "Put the object back", "Add a support token", "Not copied yet", "51 kB"
    )
    page.reads("1 min 15 s", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    picture = "return document.querySelector('.thumbnail img')?.naturalWidth > 0"
    page.one(".thumbnail img")
    page.wait(lambda: page.driver.execute_script(picture), "the picture that loads")
