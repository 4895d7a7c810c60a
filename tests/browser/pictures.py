"""A picture of each page, light and dark, narrow and wide: for people's eyes."""

import base64

import chrome
import pages
from served import Served


def take(runner, directory):
    directory.mkdir(parents=True, exist_ok=True)
    served = Served(runner.binary)
    try:
        browser = runner.browser(served.url)
        for name, _ in pages.each(browser, pages.busy(served)):
            for size in (chrome.DESK, chrome.PHONE):
                for dark in (False, True):
                    whole(browser, size, dark, directory / f"{name}-{'dark' if dark else 'light'}-{size[0]}.png")
            browser.look()
        print(f"{len(pages.PAGES)} pages are in {directory}")
    finally:
        served.stop()


def whole(browser, size, dark, file):
    """The page from its head to its foot, in a window that is as high; a very long one is cut."""
    browser.look(size, dark)
    height = browser.js("return document.documentElement.scrollHeight")
    browser.look((size[0], max(size[1], min(height, 4000))), dark)
    browser.js("scrollTo(0, 0)")
    picture = browser.cdp("Page.captureScreenshot", format="png")
    file.write_bytes(base64.b64decode(picture["data"]))
