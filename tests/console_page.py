"""The console in a browser: what a test does there, and what it looks for."""

from collections.abc import Callable
from typing import Any

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

WITHIN_S = 30
# What was found may be gone by the time it is looked at.
MOVED = (NoSuchElementException, StaleElementReferenceException)
PHONE, DESKTOP = (360, 740), (1280, 860)


class ConsolePage:
    """One tab. Whatever is looked for is waited for."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self, place: str = "", token: str | None = None) -> None:
        """At ``place`` (``#/clones?state=failed``), signed in where a token is given."""
        self.driver.get(f"{self.url}/static/theme.css")
        self.driver.execute_script("sessionStorage.clear()")
        if token is not None:
            script = "sessionStorage.setItem('funnel-clone.operator-token', arguments[0])"
            self.driver.execute_script(script, token)
        self.driver.get(f"{self.url}/{place}")

    def sized(self, size: tuple[int, int], *, dark: bool = False) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def wait(self, condition: Callable[[], Any], what: str = "") -> Any:
        waiting = WebDriverWait(self.driver, WITHIN_S, poll_frequency=0.05, ignored_exceptions=MOVED)
        try:
            return waiting.until(lambda _: condition())
        except TimeoutException:
            never = f"never came: {what or 'what the test waits for'}; the page reads:\n{self.text()}"
        raise AssertionError(never)

    def text(self) -> str:
        return str(self.driver.execute_script("return document.body.innerText"))

    def reads(self, *texts: str) -> None:
        """All of these stand on the page together."""
        self.wait(lambda: all(text in self.text() for text in texts), ", ".join(texts))

    def shows(self, name: str, state: str) -> None:
        """The list has a clone of this name, in this state as people read it."""
        script = """
return [...document.querySelectorAll(".rows .row")]
  .filter((row) => row.querySelector(".name").textContent === arguments[0])
  .map((row) => row.querySelector(".chip").textContent);
"""
        self.wait(lambda: self.driver.execute_script(script, name) == [state], f"{name}: {state}")

    def all(self, css: str) -> list[WebElement]:
        return [found for found in self.driver.find_elements(By.CSS_SELECTOR, css) if found.is_displayed()]

    def one(self, css: str) -> WebElement:
        found: WebElement = self.wait(lambda: next(iter(self.all(css)), None), css)
        return found

    def names(self) -> list[str]:
        script = "return [...document.querySelectorAll('.rows .name')].map(name => name.textContent)"
        return list(self.driver.execute_script(script))

    def button(self, label: str, within: str = "body") -> WebElement:
        def found() -> WebElement | None:
            buttons = self.all(f"{within} button")
            return next((button for button in buttons if _label(button) == label), None)

        return self.wait(found, f"a button {label!r}")  # type: ignore[no-any-return]

    def press(self, *keys: str) -> None:
        """To whatever has the focus."""
        actions = ActionChains(self.driver)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    def focused(self) -> str:
        """The accessible text of what has the focus."""
        script = "const at = document.activeElement; return at.getAttribute('aria-label') || at.textContent || at.id"
        return str(self.driver.execute_script(script))

    def dismiss_toasts(self) -> None:
        self.driver.execute_script("document.getElementById('toasts').replaceChildren()")

    def settle(self) -> None:
        """Until fonts and pictures are there."""
        script = """
const done = arguments[0];
const pictures = [...document.images].map((picture) => picture.decode().catch(() => null));
Promise.all([document.fonts.ready, ...pictures]).then(() => requestAnimationFrame(() => requestAnimationFrame(done)));
"""
        self.driver.execute_script("document.querySelectorAll('img').forEach((each) => { each.loading = 'eager'; })")
        self.driver.execute_async_script(script)

    def wider_than_the_window_by(self) -> int:
        script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.driver.execute_script(script))

    def complaints(self) -> list[str]:
        """What the browser has logged since it was last asked: refused by the policy, thrown, not found."""
        logged = self.driver.execute("getLog", {"type": "browser"})["value"]
        told = [str(entry["message"]) for entry in logged]
        # Asked for by the browser itself, where a file of the console is opened alone.
        return [message for message in told if "/favicon.ico" not in message]


def _label(button: WebElement) -> str:
    return button.get_attribute("aria-label") or button.text
