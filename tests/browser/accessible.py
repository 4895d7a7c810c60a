"""axe-core on every page. What it calls serious or critical is a failure, the rest is told."""

import chrome
import pages
from case import status, test

RUN = """const done = arguments[arguments.length - 1]
    axe.run(document, {resultTypes: ['violations']}).then(it => done(it.violations.map(it =>
        [it.impact, it.id, it.help, it.nodes.map(node => node.target.join(' ') + ': ' + (node.failureSummary ?? '').split('\\n')[1])])), it => done(String(it)))"""


def look(browser, script, where, told):
    browser.js(script)
    found = browser.driver.execute_async_script(RUN)
    assert isinstance(found, list), f"axe itself failed: {found}"
    for impact, rule, means, nodes in found:
        line = f"{impact} {rule}: {means}"
        told.setdefault(line, {}).setdefault(nodes[0], []).append(f"{where}, {len(nodes)}x")


def lines(told, serious):
    for line, nodes in told.items():
        if line.startswith(("serious", "critical")) == serious:
            for node, places in nodes.items():
                yield f"{line}\n         {node[:150]}\n         at {', '.join(places[:4])}{' ...' if len(places) > 4 else ''}"


@test("axe-core finds nothing serious, on every page, light and dark, narrow and wide", status(404))
def everywhere(served, browser):
    script, told = browser.axe.read_text("utf-8"), {}
    for _name, path in pages.each(browser, pages.busy(served)):
        for size in (chrome.DESK, chrome.PHONE):
            for dark in (False, True):
                browser.look(size, dark)
                look(browser, script, f"{path} {size[0]}{' dark' if dark else ''}", told)
        browser.look()
    serious = list(lines(told, True))
    pages.hold(serious)
    return list(lines(told, False))


@test("axe-core finds nothing serious in the dialog of keys, a refused sign-in, and an inbox with news", status(401, 422))
def states(served, browser):
    script, told = browser.axe.read_text("utf-8"), {}
    browser.open("/sign-in")
    browser.fill("#sign-in [name=email]", "nobody@example.com")
    browser.fill("#sign-in [name=password]", "nothing of mine")
    browser.click("#sign-in button")
    browser.see("[role=alert]")
    look(browser, script, "a refused sign-in", told)
    browser.sign_in()
    browser.see("#inbox a.row")
    pages.busy(served)
    browser.see("#inbox a.row", "When do you open?")
    look(browser, script, "an inbox with news", told)
    browser.keys("?")
    browser.see("#help[open]")
    look(browser, script, "the dialog of keys", told)
    serious = list(lines(told, True))
    pages.hold(serious)
    return list(lines(told, False))
