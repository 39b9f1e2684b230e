"""The page in a real browser, opened from disk: Chromium without a window, driven by selenium.

`make browser` installs selenium; Debian's chromium and chromium-driver are the rest.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import pearsonr

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.storage.records import Records
from tests.explorer.conftest import HOSTILE, made_up_verdicts

webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium here: make browser")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no browser here: install Debian's chromium and chromium-driver"
)
CLAIM = "IV-A.statement-7"
VIEWS = ("claims", "scatter", "interpolate", "compare", "pick")


class Browser:
    """One page in one browser."""

    def __init__(self, driver: Any, page: Path) -> None:
        self.driver, self.address = driver, page.as_uri()

    def open(self, place: str) -> None:
        """Load the page anew at #place."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}#{place}")

    def get(self, script: str) -> Any:
        """What a JavaScript expression gives."""
        return self.driver.execute_script(f"return {script}")

    def set(self, name: str, value: str, event: str = "input") -> None:
        """Give a control a value, as its user would."""
        self.driver.execute_script(
            f"const it = $(arguments[0]); it.value = arguments[1]; it.dispatchEvent(new Event('{event}'))",
            name,
            value,
        )

    def click(self, name: str) -> None:
        """On the element of that id."""
        self.driver.execute_script(f"document.getElementById('{name}').click()")

    def go(self, place: str) -> None:
        """Follow a link to #place."""
        self.driver.execute_script(f"location.hash = '{place}'")
        self.rest()

    def rest(self) -> None:
        """Let the page draw."""
        self.driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 50))")

    def all(self, selector: str, of: str) -> list[Any]:
        """What an expression in `it` gives for each of these elements."""
        found: list[Any] = self.get(f"[...document.querySelectorAll('{selector}')].map((it) => {of})")
        return found

    def press(self, *keys: str) -> None:
        """Keys, to whatever has the focus."""
        for key in keys:
            for kind in ("keyDown", "keyUp"):
                code = {"Tab": 9, "ArrowRight": 39, "Enter": 13}[key]
                self.driver.execute_cdp_cmd(
                    "Input.dispatchKeyEvent",
                    {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
                    | ({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}),
                )

    def errors(self) -> list[str]:
        """What the console complains of since it was asked last."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def visible(self, selector: str) -> int:
        """How many of these elements are shown."""
        return int(
            self.get(
                f"[...document.querySelectorAll('{selector}')].filter((it) => it.checkVisibility()).length"
            )
        )


@pytest.fixture(scope="module")
def browser(page: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("explorer")
    (folder / "explorer.html").write_bytes(page)
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    driver.execute_cdp_cmd("Network.enable", {})
    nothing = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", nothing)
    try:
        yield Browser(driver, folder / "explorer.html")
    finally:
        driver.quit()


def test_every_view_is_drawn_without_a_complaint_in_the_console(browser: Browser) -> None:
    for view in VIEWS:
        browser.open(view)
        assert browser.visible("main > section") == 1, view
        assert browser.visible(f"#view-{view} h2") == 1
    assert browser.errors() == []
    loaded = browser.get("performance.getEntriesByType('resource').map((it) => it.name)")
    assert all(name.startswith("blob:") for name in loaded)


@pytest.mark.slow
def test_filters_leave_what_they_name_and_say_how_many_are_left(browser: Browser) -> None:
    for control, value, field, wanted in (
        ("section", "IV-A", "section", "IV-A"),
        ("verdict", "reproduced", "verdict", "reproduced"),
        ("verdict", "about the text", "verdict", ""),
        ("within", "consistent", "within_paper", "consistent"),
        ("firm", "firm", "firm", True),
        ("grade", "A", "grade", "A"),
        ("model", "vae", "models", ["vae"]),
    ):
        left = [it["id"] for it in made_up_verdicts()["statements"] if it[field] == wanted]
        browser.open("claims")
        assert browser.visible(".statement") == 60
        browser.set(f"by-{control}", value, "change")
        assert 0 < len(left) < 60
        assert browser.all("#statements > :not([hidden])", "it.dataset.id") == left, (control, value)
        assert browser.get("$('shown').textContent") == f"{len(left)} of 60 statements"
    assert browser.get("document.querySelector('.statement dd').textContent") == "Abstract; IV-A, text"
    assert browser.all("#ten tr:last-child td", "it.textContent")[1::2] == ["Abstract", "–"]
    browser.set("words", "statement 27")
    assert browser.visible(".statement") == 1
    browser.set("words", "no such words")
    assert browser.visible(".statement") == 0


@pytest.mark.slow
def test_a_link_to_a_claim_opens_it_alone_and_moves_the_focus_there(browser: Browser) -> None:
    browser.open(f"claim={CLAIM}")
    browser.rest()
    assert browser.all(".statement[open]", "it.dataset.id") == [CLAIM]
    assert browser.get("document.activeElement.parentElement.dataset.id") == CLAIM
    box = "document.activeElement.getBoundingClientRect()"
    assert browser.get(f"{box}.top >= 0 && {box}.bottom <= innerHeight")
    browser.open("claims")
    browser.set("words", "no such words")
    browser.go(f"claim={CLAIM}")
    assert browser.all(".statement[open]", "it.dataset.id") == [CLAIM]
    assert browser.visible(f'.statement[data-id="{CLAIM}"]') == 1


@pytest.mark.slow
def test_text_of_the_data_stays_text(browser: Browser) -> None:
    browser.open("claim=IV-A.statement-3")
    assert browser.get("document.getElementById('broken')") is None
    assert HOSTILE in browser.get("document.querySelector('.statement[open]').textContent")


@pytest.mark.slow
def test_a_model_left_out_changes_r_to_what_scipy_gives(browser: Browser, records: Records) -> None:
    def correlations(measure: str, *out: str) -> list[float]:
        frames = (paper.models(), summaries.summarise(records).dropna(subset=[measure, "piq"]))
        kept = [frame.drop(list(out)) for frame in frames]
        return [float(pearsonr(frame[measure], frame["piq"]).statistic) for frame in kept]

    def shown() -> list[float]:
        return [float(browser.get(f"$('r-{which}').dataset.r")) for which in ("theirs", "ours")]

    browser.open("scatter")
    assert shown() == pytest.approx(correlations("ssim"), abs=1e-9)
    for slug in ("ae", "wae"):
        browser.click(f"counts-{slug}")
    assert shown() == pytest.approx(correlations("ssim", "ae", "wae"), abs=1e-9)
    assert abs(correlations("ssim", "ae", "wae")[0] - correlations("ssim")[0]) > 0.1
    browser.set("x", "mse", "change")
    assert shown() == pytest.approx(correlations("mse", "ae", "wae"), abs=1e-9)


@pytest.mark.slow
def test_seed_and_milestone_choose_the_numbers(browser: Browser, records: Records) -> None:
    browser.open("scatter")
    runs = records.runs.set_index(["architecture", "seed"])
    browser.set("seed", "123", "change")
    assert browser.get("coordinates().ours.vae[1]") == pytest.approx(runs.at[("vae", 123), "piq"])
    browser.set("epoch", "5", "change")
    assert browser.get("coordinates().ours.vae[1]") == pytest.approx(0.9 * runs.at[("vae", 123), "piq"])


@pytest.mark.slow
def test_the_keyboard_alone_reaches_every_model_of_the_scatter_and_leaves_it_out(browser: Browser) -> None:
    browser.open("scatter")
    browser.driver.execute_script("document.getElementById('epoch').focus()")
    browser.press("Tab")
    seen = set()
    for _ in range(22):
        seen.add(browser.get("document.activeElement.dataset.slug"))
        browser.press("ArrowRight")
    assert len(seen) == 22
    slug = browser.get("document.activeElement.dataset.slug")
    assert browser.get("document.querySelector('#scatter-model h3').textContent") == browser.get(
        f"DATA.labels['{slug}']"
    )
    while browser.get("document.activeElement.tagName") != "BUTTON":
        browser.press("Tab")
    browser.press("Enter")
    assert browser.get(f"leftOut.has('{slug}')")
    assert browser.get("document.activeElement.textContent").startswith("Count")


@pytest.mark.slow
def test_the_slider_moves_every_models_frame(browser: Browser) -> None:
    browser.open("interpolate")
    tiles = "#interpolate-grid figure[data-slug] .tile", "it.style.backgroundPositionX"
    # with both references, without the two that have no run
    assert len(set(browser.all(*tiles))) == 1
    assert 0 < int(browser.get("$('frame').value")) < 9
    browser.set("frame", "0")
    assert browser.all(*tiles) == ["0%"] * 22
    browser.set("frame", "9")
    assert browser.all(*tiles) == ["100%"] * 22
    assert browser.get("document.querySelector('#fade .over').lastChild.style.opacity") == "1"
    browser.set("order", "piq", "change")
    first = browser.get("document.querySelector('#interpolate-grid figure[data-slug]').dataset.slug")
    assert first in ("beta-vae", "mean-image")  # nothing is smoother than what does not move


@pytest.mark.slow
def test_two_models_are_compared_image_by_image(browser: Browser) -> None:
    browser.open("compare")
    assert browser.visible("#compare-grid .triple") == 100
    browser.set("digit", "3", "change")
    assert browser.visible("#compare-grid .triple") == 10
    browser.set("by", "two", "change")
    ssims = "[...it.querySelectorAll(':scope > div + div .small:last-child')].map((own) => Number(own.textContent))"
    ahead = browser.get(f"[...document.querySelectorAll('.triple')].map((it) => {ssims})")
    gaps = [two - one for one, two in ahead]
    assert gaps == sorted(gaps, reverse=True)
    assert browser.visible("#compare-worst .worst") == 2


@pytest.mark.slow
def test_weights_and_limits_choose_the_order_and_the_frontier(browser: Browser, records: Records) -> None:
    from reproduce.analysis.pareto import pareto_set

    browser.open("pick")
    usable = summaries.summarise(records).query("not collapsed").dropna(subset=["ssim"])
    browser.click("fitted")
    rows = "#pick-list tr[data-slug]", "it.dataset.slug"
    assert set(browser.all(f"{rows[0]}.best", rows[1])) == set(pareto_set(usable))
    browser.set("weight", "100")
    assert browser.all(*rows) == list(usable["ssim"].sort_values(ascending=False).index)
    browser.set("weight", "0")
    assert browser.all(*rows) == list(usable["piq"].sort_values().index)
    browser.set("code", "0")
    assert "vq-vae" not in browser.all(*rows)


@pytest.mark.slow
def test_another_profile_is_drawn_in_the_view_that_is_open(browser: Browser) -> None:
    browser.open("interpolate")
    browser.set("profile", "notebook", "change")
    assert browser.visible("#interpolate-grid figure[data-slug]") == 8
    browser.go("pick")
    assert browser.visible("#pick-list tbody tr") == 7


@pytest.mark.slow
def test_on_a_phone_nothing_is_too_wide_all_controls_have_names_and_all_points_too(browser: Browser) -> None:
    phone = {"width": 360, "height": 780, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        for view in VIEWS:
            browser.open(view)
            assert browser.get("document.documentElement.scrollWidth") == 360, view
            named = "it.labels?.[0]?.textContent.trim() || it.textContent.trim()"
            assert all(browser.all("select, input, button", named)), view
        browser.open("scatter")
        names = browser.all("#scatter-plot .name", "it.getBoundingClientRect().toJSON()")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert browser.errors() == []
    assert len(names) == 22
    for a, b in combinations(names, 2):
        assert a["left"] >= b["right"] or b["left"] >= a["right"] or abs(a["top"] - b["top"]) > 10


@pytest.mark.slow
def test_colours_follow_the_system_until_they_are_chosen(browser: Browser) -> None:
    browser.open("claims")
    colour = "getComputedStyle(document.body).backgroundColor"
    found = []
    for scheme in ("light", "dark"):
        browser.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        found.append(browser.get(colour))
    assert found[0] != found[1]
    browser.set("theme", "light", "change")
    assert browser.get(colour) == found[0]
    browser.open("claims")
    assert browser.get(colour) == found[0]  # it is remembered
    browser.set("theme", "", "change")
