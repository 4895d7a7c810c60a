#!/usr/bin/env python3
"""The dashboard in a real browser: headless Chromium, driven by Selenium, against servers that this starts.

Each test has a server of its own with the sample of `sample.py`, and prints one line. Whatever it asks for, a test fails too
when the browser's console has an error that it did not expect: a violation of the content security policy above all.
What failed shows the page's text and console, and leaves a picture below target/browser/failures.

    tests/browser/browser.py --binary target/ci/smslite
    tests/browser/browser.py --only keyboard          # the tests that have this word in their line or their file's name
    tests/browser/browser.py --screenshots pictures   # no tests: each page, light and dark, narrow and wide

Needs Python 3.10 with venv, npm, and Debian's chromium and chromium-driver or what CHROMIUM and CHROMEDRIVER name; nothing
downloads a browser. The first run installs what requirements.txt pins, and axe-core, below target/. Ends only processes
that it started. Exit code 1 at any failure.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sdk"))
from environment import go_on_as, parser_of  # noqa: E402

AXE = "4.14.1"


def program(variable, *names):
    """A path: a name alone would make Selenium look for one to download."""
    given = [os.environ[variable]] if os.environ.get(variable) else names
    for name in given:
        if found := shutil.which(name):
            return found
    sys.exit(f"there is no {' or '.join(given)} (on Debian: apt-get install chromium chromium-driver; or set {variable})")


def axe_in(directory):
    """The path of axe-core's script; none when it can be neither found nor installed."""
    script = directory / "node_modules" / "axe-core" / "axe.min.js"
    about = script.parent / "package.json"
    if script.is_file() and about.is_file() and json.loads(about.read_text())["version"] == AXE:
        return script
    directory.mkdir(parents=True, exist_ok=True)
    npm = program("NPM", "npm")
    install = [npm, "install", "--prefix", directory, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", f"axe-core@{AXE}"]
    installed = subprocess.run(install, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if installed.returncode == 0:
        return script
    print(installed.stdout, file=sys.stderr)
    return None


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--only", default="", metavar="WORDS", help="run the tests that have these words in their line")
    parser.add_argument("--screenshots", type=Path, metavar="DIRECTORY", help="write a picture of every page there, and test nothing")
    arguments = parser.parse_args()
    home = arguments.environments.resolve().parent / "browser"
    axe = axe_in(home)
    if axe is None and not arguments.allow_skip:
        sys.exit("axe-core cannot be installed (see --allow-skip)")
    if axe is None:
        print("skipped: axe-core cannot be installed, so no page was tried")
        return
    words = {
        "chromium": program("CHROMIUM", "chromium", "chromium-browser"),
        "chromedriver": program("CHROMEDRIVER", "chromedriver"),
        "axe": str(axe),
        "home": str(home),
        "only": arguments.only,
        "screenshots": str(arguments.screenshots.resolve()) if arguments.screenshots else "",
    }
    # The scripts of the carriers' libraries lie beside what makes environments; an absolute path is one of ours.
    go_on_as(HERE / "run.py", HERE / "requirements.txt", arguments, json.dumps(words))


if __name__ == "__main__":
    main()
