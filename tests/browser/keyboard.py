"""Nothing but keys."""

from selenium.webdriver.common.keys import Keys

from case import test
from sample import PASSWORD, QUESTION, email


def tab_to(browser, css, presses=40):
    """Tab until it has the focus, as who sees no mouse does."""
    for _ in range(presses):
        if browser.js("return !!document.activeElement?.matches(arguments[0])", css):
            return
        browser.keys(Keys.TAB)
    assert False, f"{presses} times Tab do not lead to {css}"


def by_keys(browser, role="user"):
    browser.open("/sign-in")
    tab_to(browser, "#sign-in [name=email]")
    browser.keys(email(role))
    tab_to(browser, "#sign-in [name=password]")
    browser.keys(PASSWORD, Keys.ENTER)
    browser.at("/inbox")
    browser.see("#inbox a.row")


@test("from signing in to a reply with nothing but keys")
def to_a_reply(served, browser):
    by_keys(browser)
    rows = browser.ids("#inbox a.row")
    browser.keys("j")
    browser.focused(f"#{rows[0]}")
    browser.keys("j")
    browser.focused(f"#{rows[1]}")
    browser.keys("k")
    browser.focused(f"#{rows[0]}")
    browser.keys(Keys.ENTER)
    browser.at(f"/conversations/{rows[0].removeprefix('c-')}")
    browser.see("#thread")
    browser.keys("r")
    browser.focused("#compose-text")
    browser.keys("just jokes? / r e")
    assert browser.value("#compose-text") == "just jokes? / r e", "a key in a field is a letter"
    tab_to(browser, "#compose button", 5)
    browser.keys(Keys.ENTER)
    browser.see("#thread li.out", "just jokes? / r e")


@test("j and k stop at the ends of the list")
def ends(_, browser):
    by_keys(browser)
    rows = browser.ids("#inbox a.row")
    browser.keys(*["j"] * (len(rows) + 3))
    browser.focused(f"#{rows[-1]}")
    browser.keys(*["k"] * (len(rows) + 3))
    browser.focused(f"#{rows[0]}")


@test("/ leads to the search, Escape out of it")
def slash(_, browser):
    by_keys(browser)
    browser.keys("/")
    browser.focused("#search")
    assert browser.value("#search") == ""
    browser.keys("jk?")
    assert browser.value("#search") == "jk?"
    browser.keys(Keys.ESCAPE)
    browser.until("the search has no focus", lambda: browser.focus() != "search")


@test("? shows the keys, Escape closes them, and the focus is where it was")
def help_dialog(_, browser):
    by_keys(browser)
    rows = browser.ids("#inbox a.row")
    browser.keys("j")
    browser.focused(f"#{rows[0]}")
    browser.keys("?")
    browser.see("#help[open]")
    assert browser.js("return document.querySelector('#help').matches(':modal')"), "what is behind it can be reached"
    browser.keys("j")
    browser.keys(Keys.ESCAPE)
    browser.gone("#help")
    browser.focused(f"#{rows[0]}")


@test("e leads to archiving, which keys confirm")
def archive(served, browser):
    by_keys(browser)
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread")
    browser.keys("e")
    browser.at(f"/conversations/{QUESTION}/archive")
    tab_to(browser, "#archive-form button")
    browser.keys(Keys.ENTER)
    browser.until("it is done", lambda: browser.path.partition("?")[0] != f"/conversations/{QUESTION}/archive")
    browser.open("/inbox")
    browser.see("#inbox a.row")
    assert f"c-{QUESTION}" not in browser.ids("#inbox a.row")


@test("keys with Control, Alt or Meta are the browser's")
def modified(_, browser):
    by_keys(browser)
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread")
    browser.js("""for (const key of ['e', 'r', '/', '?', 'j']) for (const held of ['ctrlKey', 'altKey', 'metaKey'])
        document.body.dispatchEvent(new KeyboardEvent('keydown', {key, [held]: true, bubbles: true, cancelable: true}))""")
    browser.keys("?")
    browser.see("#help[open]")
    assert browser.path == f"/conversations/{QUESTION}" and browser.focus() != "compose-text"


@test("the focus can be seen wherever Tab leads")
def visible_focus(_, browser):
    script = """const it = document.activeElement, style = getComputedStyle(it)
        if (it === document.body || it === document.documentElement) return null
        const seen = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'
        const where = it.getBoundingClientRect()
        return [it.id || it.outerHTML.slice(0, 80), seen && where.width > 0 && where.bottom > 0 && where.right > 0]"""
    for role, path in ((None, "/sign-in"), ("user", "/inbox"), (None, f"/conversations/{QUESTION}")):
        if role:
            browser.sign_in(role)
        browser.open(path)
        browser.js("document.activeElement.blur()")
        met = []
        for _ in range(25):
            browser.keys(Keys.TAB)
            found = browser.js(script)
            if found is None or found[0] in met[:1]:
                break
            met.append(found[0])
            assert found[1], f"{path}: {found[0]} has the focus and does not show it"
        assert len(met) > 2, f"{path}: Tab leads to {met} only"
