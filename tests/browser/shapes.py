"""Narrow windows, long texts, other directions, the dark."""

import chrome
import pages
from case import status, test
from sample import ARABIC, ARABIC_TEXT, EMOJI, QUESTION, WIDE

# Controls that are cut off at a side, and by nothing that can be scrolled.
CUT_OFF = """const width = document.documentElement.clientWidth, scrolls = it => {
        for (let up = it.parentElement; up; up = up.parentElement)
            if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX) && up.getBoundingClientRect().right <= width + 1) return true
        return false }
    return [...document.querySelectorAll('a, button, input, select, textarea, summary')].filter(it => {
        const box = it.getBoundingClientRect()
        return it.checkVisibility() && box.width > 1 && box.right > 0 && (box.right > width + 1 || box.left < -1) && !scrolls(it)
    }).map(it => it.id || it.outerHTML.slice(0, 80))"""
WIDEST = """const width = document.documentElement.clientWidth; return [...document.querySelectorAll('body *')]
    .filter(it => it.getBoundingClientRect().right > width + 1).map(it => it.tagName + '#' + it.id + '.' + it.className).slice(0, 5)"""


def too_wide(browser, where, width):
    wide = browser.js("return Math.max(document.documentElement.scrollWidth, innerWidth)")
    if wide > width:
        yield f"{where} is {wide} wide in {width}: {browser.js(WIDEST)}"
    if cut := browser.js(CUT_OFF):
        yield f"{where} cuts off {cut}"


def fits(browser, where, width):
    pages.hold(list(too_wide(browser, where, width)))


@test("no page scrolls sideways at 320 pixels, and no control is cut off", status(404))
def narrow(served, browser):
    browser.look(chrome.PHONE)
    pages.hold([it for _, path in pages.each(browser, pages.busy(served)) for it in too_wide(browser, path, 320)])


@test("no page scrolls sideways at 1280 pixels", status(404))
def desk(served, browser):
    pages.hold([it for _, path in pages.each(browser, pages.busy(served)) for it in too_wide(browser, path, 1280)])


@test("at 320 pixels one replies")
def narrow_reply(served, browser):
    browser.look(chrome.PHONE)
    browser.sign_in()
    browser.click(f"#c-{QUESTION}")
    browser.fill("#compose-text", "From a small window")
    browser.click("#compose button")
    browser.see("#m-4.out", "From a small window")
    fits(browser, "the thread", 320)


@test("texts of 1,600 characters, emoji and words without an end stay within their message")
def long_texts(_, browser):
    for size in (chrome.DESK, chrome.PHONE):
        browser.look(size)
        browser.cdp("Network.clearBrowserCookies")
        browser.sign_in()
        for conversation in (WIDE, EMOJI, ARABIC):
            browser.open(f"/conversations/{conversation}")
            browser.see("#m-1")
            over = browser.js("""return [...document.querySelectorAll('#thread li.message, #thread li.message *')].filter(it => {
                const style = getComputedStyle(it)
                return style.display !== 'inline' && it.scrollWidth > it.clientWidth + 1 && it.clientWidth > 1 }).map(it => it.outerHTML.slice(0, 60))""")
            assert not over, f"{size}: {over}"
            fits(browser, f"/conversations/{conversation}", size[0])


@test("a phone number is never broken in two")
def whole_numbers(_, browser):
    script = """const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT), broken = []
        while (walk.nextNode()) for (const found of walk.currentNode.data.matchAll(/\\+\\d{8,15}/g)) {
            const range = document.createRange()
            range.setStart(walk.currentNode, found.index); range.setEnd(walk.currentNode, found.index + found[0].length)
            if (new Set([...range.getClientRects()].map(it => Math.round(it.top))).size > 1) broken.push(found[0]) }
        return broken"""
    wrong = []
    for size in (chrome.PHONE, chrome.DESK):
        browser.look(size)
        browser.cdp("Network.clearBrowserCookies")
        browser.sign_in("admin")
        for path in ("/inbox", f"/conversations/{QUESTION}", f"/conversations/{QUESTION}/archive", "/opt-outs", "/message-logs"):
            browser.open(path)
            wrong += [f"{path}, {size[0]} wide: {it}" for it in browser.js(script)]
    pages.hold(wrong)


@test("text from right to left has its own direction within the page's")
def right_to_left(_, browser):
    browser.sign_in()
    browser.open(f"/conversations/{ARABIC}")
    browser.see("#m-1", ARABIC_TEXT[:5])
    script = """const walk = document.createTreeWalker(document.querySelector(arguments[0]), NodeFilter.SHOW_TEXT)
        while (walk.nextNode()) if (walk.currentNode.data.includes(arguments[1])) return getComputedStyle(walk.currentNode.parentElement).direction
            + ' ' + getComputedStyle(walk.currentNode.parentElement).unicodeBidi + ' ' + walk.currentNode.parentElement.closest('[dir]')?.dir"""
    for css in ("#m-1", "#m-2"):
        word = ARABIC_TEXT[:5] if css == "#m-1" else "שלום"
        found = browser.js(script, css, word) or ""
        assert found.startswith("rtl ") or "plaintext" in found, f"{css} runs {found!r}"
    browser.open("/inbox")
    found = browser.js(script, f"#c-{ARABIC}", "שלום") or ""
    assert found.startswith("rtl ") or "plaintext" in found or "isolate" in found, f"the row's text runs {found!r}"


@test("in the dark the page is dark and its text is light, by day the other way round", status(404))
def dark(served, browser):
    script = """const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true}), light = color => {
            paint.clearRect(0, 0, 1, 1); paint.fillStyle = color; paint.fillRect(0, 0, 1, 1)
            const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data
            return a === 0 ? null : (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255 }
        let behind = light(getComputedStyle(document.body).backgroundColor) ?? light(getComputedStyle(document.documentElement).backgroundColor)
        if (behind === null) behind = getComputedStyle(document.documentElement).colorScheme.includes('dark')
            && matchMedia('(prefers-color-scheme: dark)').matches ? 0 : 1
        return [behind, light(getComputedStyle(document.body).color)]"""
    wrong = []
    for _name, path in pages.each(browser, pages.busy(served)):
        for in_the_dark in (True, False):
            browser.look(dark=in_the_dark)
            behind, text = browser.js(script)
            if not ((behind < 0.25 < 0.6 < text) if in_the_dark else (behind > 0.85 and text < 0.4)):
                wrong.append(f"{path}, {'dark' if in_the_dark else 'light'}: background {behind:.2f}, text {text:.2f}")
        browser.look()
    pages.hold(wrong)


@test("a text of twice the size still fits", status(404))
def twice_the_size(served, browser):
    wrong = []
    for _name, path in pages.each(browser, pages.busy(served)):
        browser.js("document.documentElement.style.fontSize = '200%'")
        wrong += too_wide(browser, path, 1280)
    pages.hold(wrong)
