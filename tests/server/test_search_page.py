"""The search page in a real browser: choose a photo, crop, filter, click a result; by keyboard and on a phone."""

import shutil
from pathlib import Path

import httpx
import pytest

pytest.importorskip("PIL", reason="pictures need the extra 'vision'")
webdriver = pytest.importorskip("selenium.webdriver", reason="a browser is driven by selenium")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from tests.server.test_search_rest import client as shop_client  # noqa: F401

from shortlist.testing.colours import photo

ARTIFACTS = Path(__file__).parents[2] / "artifacts"


@pytest.fixture(scope="module")
def browser():
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield made
    made.quit()


@pytest.fixture
def page(browser, shop_client):  # noqa: F811
    browser.set_window_size(1200, 900)
    browser.get(f"{shop_client.base_url}/search")
    yield browser
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def results(browser) -> list[str]:
    """The titles, once the page has found something."""

    def found(_):
        section = browser.find_element(By.ID, "section")
        message = browser.find_element(By.ID, "message").text
        return section.get_attribute("aria-busy") == "false" and "result" in message

    WebDriverWait(browser, 30).until(found)
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, "#results strong")]


def after(browser, act) -> list[str]:
    """The results of what ``act`` starts."""
    browser.execute_script("document.getElementById('message').textContent = ''")
    act()
    return results(browser)


def choose(browser, tmp_path, colour: str) -> list[str]:
    file = tmp_path / f"{colour}.png"
    file.write_bytes(photo(colour, seed=31))
    return after(browser, lambda: browser.find_element(By.ID, "file").send_keys(str(file)))


def test_a_chosen_photo_is_searched_with_and_a_result_by_a_click(page, tmp_path):
    found = choose(page, tmp_path, "green")
    assert set(found[:2]) == {"green ball", "green cup"}
    images = page.find_elements(By.CSS_SELECTOR, "#results img")
    WebDriverWait(page, 10).until(lambda _: images[0].get_property("naturalWidth") > 0)
    assert "ms" in page.find_element(By.ID, "message").text
    ARTIFACTS.mkdir(exist_ok=True)
    page.save_screenshot(str(ARTIFACTS / "search.png"))
    cup = next(each for each in page.find_elements(By.CSS_SELECTOR, "#results button") if "cup" in each.text)
    found = after(page, cup.click)
    assert found[0].startswith("green")
    assert page.find_element(By.ID, "like").text == "More like green cup"


def test_a_part_is_chosen_by_the_button_by_dragging_and_by_numbers(page, tmp_path):
    choose(page, tmp_path, "blue")
    after(page, page.find_element(By.ID, "auto").click)
    left = page.find_element(By.ID, "left")
    assert 0 < float(left.get_property("value")) < 60
    assert page.find_element(By.ID, "box").is_displayed()
    stage = page.find_element(By.ID, "stage")
    drag = (
        webdriver.ActionChains(page).move_to_element(stage).click_and_hold().move_by_offset(60, 60).release()
    )
    found = after(page, drag.perform)
    assert found
    assert 45 <= float(left.get_property("value")) <= 55
    found = after(page, lambda: left.send_keys(Keys.BACKSPACE * 3 + "0" + Keys.TAB))
    assert found
    assert not page.find_elements(By.CSS_SELECTOR, "#message.wrong")


def test_text_and_filters_without_a_mouse(page):
    text = page.find_element(By.ID, "text")
    assert after(page, lambda: text.send_keys("cup" + Keys.ENTER))[0].endswith("cup")
    select = page.find_element(By.ID, "attribute")
    select.send_keys("product")
    value = page.find_element(By.ID, "value")
    assert after(page, lambda: value.send_keys("red cup" + Keys.ENTER)) == ["red cup"]
    first = page.find_element(By.CSS_SELECTOR, "#results button")
    value.clear()
    text.clear()
    found = after(page, lambda: first.send_keys(Keys.ENTER))
    assert found[0] == "red ball"


def test_everything_has_a_name_for_a_screen_reader(page, tmp_path):
    choose(page, tmp_path, "red")
    for control in page.find_elements(By.CSS_SELECTOR, "input, button, select"):
        if control.is_displayed() or control.get_attribute("type") == "file":
            assert control.accessible_name.strip(), control.get_attribute("outerHTML")
    assert page.find_element(By.ID, "message").get_attribute("aria-live") == "polite"


def test_it_fits_a_phone(page, tmp_path):
    page.set_window_size(500, 900)  # the narrowest that the browser makes
    choose(page, tmp_path, "purple")
    wide = page.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide == 0
    page.save_screenshot(str(ARTIFACTS / "search-phone.png"))


def test_what_cannot_be_searched_says_why(page, tmp_path):
    page.find_element(By.CSS_SELECTOR, "button.main").click()
    message = page.find_element(By.ID, "message")
    assert "Choose a photo" in message.text
    broken = tmp_path / "broken.png"
    broken.write_bytes(photo("red")[:99])
    page.find_element(By.ID, "file").send_keys(str(broken))
    WebDriverWait(page, 10).until(
        lambda _: "wrong" in message.get_attribute("class") and "Choose" not in message.text
    )
    assert page.find_elements(By.CSS_SELECTOR, "#results li") == []
    page.get_log("browser")  # the browser notes the 400


def test_the_page_needs_nothing_from_elsewhere(shop_client):  # noqa: F811
    text = httpx.get(f"{shop_client.base_url}/search").text
    assert "http://" not in text
    assert "https://" not in text
