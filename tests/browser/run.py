"""Runs the tests one after another in one browser; browser.py starts it in the environment that it needs."""

import importlib
import json
import re
import signal
import sys
import time
import traceback
from pathlib import Path

import chrome
import pictures
from case import CASES
from served import Served

FILES = ["signing", "live", "reading", "writing", "changing", "keyboard", "windows", "roles", "hostile", "unscripted", "shapes", "accessible"]


class Runner:
    def __init__(self, binary, words):
        self.binary, self.words, self.failed = binary, words, []
        self.failures = Path(words["home"]) / "failures"
        self.driver = None

    def browser(self, url):
        """In the browser that there is, or a new one if it was lost."""
        if self.driver is None:
            self.driver = chrome.start(self.words["chromium"], self.words["chromedriver"])
        return chrome.Browser(self.driver, url)

    def close(self):
        driver, self.driver = self.driver, None
        if driver is not None:
            try:
                driver.quit()
            finally:
                driver.home.cleanup()

    def run(self, case):
        served = browser = None
        begun = time.monotonic()
        try:
            served = Served(self.binary, case.kept)
            browser = self.browser(served.url)
            browser.axe = Path(self.words["axe"])
            notes = case.function(served, browser) or []
            if alert := browser.alert():
                raise chrome.Failed(f"a script asked: {alert}")
            if errors := browser.errors(case.allowed):
                raise chrome.Failed("the console has errors:\n" + "\n".join(errors))
            print(f"ok     {case.sentence} ({time.monotonic() - begun:.1f}s)", flush=True)
            for note in notes:
                print(f"       {note}", flush=True)
        except Exception as error:
            self.tell(case, error, browser, served)
        finally:
            if served is not None:
                served.stop()

    def tell(self, case, error, browser, served):
        """What it looked like; a browser that cannot tell any more is replaced."""
        self.failed.append(case)
        last = traceback.extract_tb(error.__traceback__)
        place = next((it for it in reversed(last) if it.name == case.function.__name__), last[-1])
        says = str(error).partition("Stacktrace:")[0].strip()
        print(f"FAILED {case.sentence}\n  {Path(place.filename).name}:{place.lineno}: {type(error).__name__}: {says}", flush=True)
        if browser is None:
            return
        try:
            if alert := browser.alert():
                print(f"  a script asked: {alert}")
            self.failures.mkdir(parents=True, exist_ok=True)
            picture = self.failures / (re.sub(r"[^a-z0-9]+", "-", f"{case.file} {case.sentence}".lower()).strip("-")[:100] + ".png")
            self.driver.save_screenshot(str(picture))
            lines = [f"at {browser.path}, {picture}", "the page:", *browser.text().splitlines()[:60], "the console:",
                     *(f"{it['level']} {it['message']}" for it in browser.console()[-20:]), "the server:", *[it for it in served.log.read_text().splitlines() if it.startswith("{")][-5:]]
            print("\n".join(f"  | {line}"[:300] for line in lines), flush=True)
        except Exception as lost:
            print(f"  | the browser tells no more: {lost}", flush=True)
            try:
                self.close()
            except Exception:
                self.driver = None


def main():
    # Whoever ends this ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    binary, words = sys.argv[1], json.loads(sys.argv[2])
    runner = Runner(binary, words)
    try:
        if words["screenshots"]:
            pictures.take(runner, Path(words["screenshots"]))
            return
        for file in FILES:
            importlib.import_module(file)
        chosen = [case for case in CASES if case.fits(words["only"])]
        if not chosen:
            sys.exit(f"no test has the words {words['only']!r}")
        for case in chosen:
            runner.run(case)
    finally:
        runner.close()
    print(f"\n{len(chosen) - len(runner.failed)} of {len(chosen)} tests passed")
    for case in runner.failed:
        print(f"FAILED {case.sentence}")
    sys.exit(bool(runner.failed))


if __name__ == "__main__":
    main()
