"""One headless Chromium, and a person before it: what they see, press and type. Whatever is seen is waited for."""

import re
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import JavascriptException, NoAlertPresentException, NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from sample import PASSWORD, email

SECONDS = 10
DESK, PHONE = (1280, 900), (320, 800)
SWITCHES = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--lang=en-US"]


def start(chromium, chromedriver):
    """The driver; its profile and downloads are in directories of their own that end with it."""
    home = tempfile.TemporaryDirectory(prefix="smslite-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in [*SWITCHES, f"--user-data-dir={home.name}/profile"]:
        options.add_argument(switch)
    options.add_experimental_option("prefs", {"download.default_directory": f"{home.name}/downloads", "download.prompt_for_download": False,
                                              "credentials_enable_service": False})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    driver.set_page_load_timeout(30)
    driver.set_script_timeout(60)
    driver.home = home
    return driver


class Failed(AssertionError):
    """What a person would have seen and did not."""


class Browser:
    """A test's: without anybody signed in, and as a new profile would be, when it begins."""

    def __init__(self, driver, url):
        self.driver, self.url, self.said = driver, url, []
        self.reset()

    def reset(self):
        for handle in self.driver.window_handles[1:]:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(self.driver.window_handles[0])
        self.driver.get("about:blank")
        self.cdp("Network.enable")
        self.cdp("Network.clearBrowserCookies")
        self.cdp("Storage.clearDataForOrigin", origin=self.url, storageTypes="all")
        self.scripts(True)
        self.look()
        self.driver.get_log("browser")

    # What it is set to.

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def look(self, size=DESK, dark=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=size[0] < 600)
        features = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in features.items()])

    def scripts(self, run):
        """Whether pages' own scripts run; those of these tests do."""
        self.cdp("Emulation.setScriptExecutionDisabled", value=not run)

    # Where it is.

    def open(self, path):
        self.driver.get(self.url + path)

    @property
    def path(self):
        """With its query, without the place in the page."""
        return self.driver.current_url.removeprefix(self.url).partition("#")[0]

    def at(self, path):
        """Waits until the address is this: a path, its query apart unless the path has one, or what a whole path matches."""
        def there():
            here = self.path if isinstance(path, str) and "?" in path else self.path.partition("?")[0]
            fits = path.fullmatch(here) if isinstance(path, re.Pattern) else here == path
            return fits and self.js("return document.readyState") == "complete"
        self.until(f"the address is {path.pattern if isinstance(path, re.Pattern) else path}", there)

    def window(self):
        """Another one of the same person's; returns the handles of the old and the new, which is in front."""
        old = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        self.look()
        return old, self.driver.current_window_handle

    def front(self, handle):
        self.driver.switch_to.window(handle)

    # What is seen.

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, what, condition, seconds=SECONDS):
        """Waits for it and returns it. What changes under one's eyes is looked at again."""
        end, last = time.monotonic() + seconds, None
        while True:
            try:
                last = condition()
                if last:
                    return last
            except (StaleElementReferenceException, NoSuchElementException, JavascriptException):
                pass
            if time.monotonic() > end:
                raise Failed(f"not within {seconds} seconds: {what}")
            time.sleep(0.03)

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def count(self, css):
        return self.js("return document.querySelectorAll(arguments[0]).length", css)

    def texts(self, css):
        return self.js("return [...document.querySelectorAll(arguments[0])].map(it => it.innerText.trim())", css)

    def ids(self, css):
        return self.js("return [...document.querySelectorAll(arguments[0])].map(it => it.id)", css)

    def attribute(self, css, name):
        return self.js("return document.querySelector(arguments[0]).getAttribute(arguments[1])", css, name)

    def value(self, css):
        return self.js("return document.querySelector(arguments[0]).value", css)

    def text(self):
        return self.js("return document.body ? document.body.innerText : ''")

    def see(self, css, words=""):
        """Waits until one of these is shown and has the words, letters of either case."""
        script = """return [...document.querySelectorAll(arguments[0])].some(it => it.getClientRects().length
            && (it.innerText + ' ' + (it.value ?? '')).toLowerCase().includes(arguments[1].toLowerCase()))"""
        self.until(f"{css} is shown" + (f" with {words!r}" if words else ""), lambda: self.js(script, css, words))

    def gone(self, css, words=""):
        script = """return ![...document.querySelectorAll(arguments[0])].some(it => it.getClientRects().length
            && it.innerText.toLowerCase().includes(arguments[1].toLowerCase()))"""
        self.until(f"{css} is gone" + (f" with {words!r}" if words else ""), lambda: self.js(script, css, words))

    def focus(self):
        """The id of what has the focus, else its tag."""
        return self.js("const it = document.activeElement; return it ? it.id || it.tagName.toLowerCase() : ''")

    def focused(self, css):
        self.until(f"{css} has the focus", lambda: self.js("return !!document.activeElement?.matches(arguments[0])", css))

    # What is done.

    def click(self, css):
        def done():
            element = self.find(css)
            self.js("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True
        self.until(f"{css} is there to click", lambda: self.count(css))
        done()

    def keys(self, *keys):
        """Into whatever has the focus."""
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def fill(self, css, text):
        self.until(f"{css} is there to write into", lambda: self.count(css))
        field = self.find(css)
        field.clear()
        field.send_keys(text)

    def choose(self, css, words):
        """The option of a select whose text has the words, by arrow keys: the driver's own way tells the page less than a
        person's does."""
        script = "return [...document.querySelector(arguments[0]).options].find(it => it.text.toLowerCase().includes(arguments[1]))?.text"
        text = self.until(f"{css} offers {words!r}", lambda: self.js(script, css, words.lower()))
        self.js("document.querySelector(arguments[0]).focus()", css)
        self.keys(Keys.HOME)
        for _ in range(self.count(f"{css} option")):
            if self.js("return document.querySelector(arguments[0]).selectedOptions[0].text", css) == text:
                return
            self.keys(Keys.DOWN)
        raise Failed(f"{text!r} cannot be chosen in {css}")

    def sign_in(self, role="user", path="/sign-in"):
        self.open(path)
        self.sign_in_here(role)

    def sign_in_here(self, role):
        self.fill("#sign-in [name=email]", email(role))
        self.fill("#sign-in [name=password]", PASSWORD)
        self.click("#sign-in button")
        self.until("somebody is signed in", lambda: not self.path.startswith("/sign-in") and self.js("return document.readyState") == "complete")

    # What it says.

    def alert(self):
        """The text of a dialog of a script's, if there is one; it is closed."""
        try:
            alert = self.driver.switch_to.alert
            text = alert.text
            alert.dismiss()
            return text
        except NoAlertPresentException:
            return None

    def console(self):
        """All that it has said in this test."""
        self.said += self.driver.get_log("browser")
        return self.said

    def errors(self, allowed):
        """What it said that is an error, but for what a test expects."""
        severe = [it["message"] for it in self.console() if it["level"] == "SEVERE"]
        return [it for it in severe if not any(re.search(words, it) for words in allowed)]
