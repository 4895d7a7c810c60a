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
                    browser.look(size, dark)
                    whole(browser, directory / f"{name}-{'dark' if dark else 'light'}-{size[0]}.png")
            browser.look()
        print(f"{len(pages.PAGES)} pages are in {directory}")
    finally:
        served.stop()


def whole(browser, file):
    """The page from its head to its foot, not the window alone; a very long one is cut."""
    size = browser.cdp("Page.getLayoutMetrics")["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
    picture = browser.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    file.write_bytes(base64.b64decode(picture["data"]))
