"""What viewers, users and admins see."""

import pages
from case import status, test
from sample import QUESTION

# What changes anything: a form that posts, or what htmx makes post.
WRITES = """return [...document.querySelectorAll('form[method=post i]:not(#sign-out), [hx-post], [hx-put], [hx-patch], [hx-delete],'
    + ' [data-hx-post], [data-hx-put], [data-hx-patch], [data-hx-delete]')].filter(it => it.id !== 'sign-out')
    .map(it => it.outerHTML.slice(0, 120))"""
# For admins; whether a viewer is told that it is there is the page's choice.
REFUSED = status(403, 404)


@test("a viewer sees no control that changes anything, on no page", REFUSED)
def viewer(served, browser):
    wrong = []
    for name, path in pages.each(browser, pages.busy(served), "viewer"):
        if name != "sign-in":
            wrong += [f"{path} has {it}" for it in browser.js(WRITES)]
    pages.hold(wrong)


@test("a viewer reads what users read")
def viewer_reads(_, browser):
    browser.sign_in("viewer")
    browser.click(f"#c-{QUESTION}")
    browser.see("#thread li.message", "reschedule")
    assert browser.count("a[data-export]") == 3
    assert browser.count("#archive") == 0


@test("a viewer who asks for archiving by its address is refused", status(403))
def viewer_archives(served, browser):
    browser.sign_in("viewer")
    browser.open(f"/conversations/{QUESTION}/archive")
    browser.gone("#archive-form")
    assert len(served.messages_of(QUESTION)) == 3


@test("a user sees what changes conversations, and no admin's pages in the navigation", REFUSED)
def user(_, browser):
    browser.sign_in("user")
    assert browser.count("nav a[href='/users']") == 0
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#compose")
    browser.see("#archive")
    browser.open("/users")
    browser.gone("body", "viewer@example.com")


@test("every page is there for those who may see it, with one heading and a title, and for nobody else", REFUSED)
def who_sees_what(served, browser):
    ids, wrong, ranks = pages.busy(served), [], ["viewer", "user", "admin"]
    least_of = {name: least for name, _, least in pages.PAGES}
    for role in ranks:
        browser.cdp("Network.clearBrowserCookies")
        for name, path in pages.each(browser, ids, role):
            answer = browser.js("return performance.getEntriesByType('navigation')[0].responseStatus")
            may = least_of[name] is None or ranks.index(role) >= ranks.index(least_of[name])
            wanted = [404] if name == "not-found" else [200] if may else [403, 404]
            if answer not in wanted:
                wrong.append(f"{path} is answered {answer} for a {role}, not {wanted[0]}")
            if browser.count("main h1") != 1 or not browser.driver.title.removesuffix(" · smslite"):
                wrong.append(f"{path} has {browser.count('main h1')} headings of the first order and the title {browser.driver.title!r} for a {role}")
    pages.hold(wrong)


@test("every page that the navigation leads to is there, for each role")
def navigation(_, browser):
    for role in ("viewer", "user", "admin"):
        browser.cdp("Network.clearBrowserCookies")
        browser.sign_in(role)
        addresses = browser.js("return [...document.querySelectorAll('nav a')].map(it => it.getAttribute('href')).filter(it => it.startsWith('/'))")
        assert len(addresses) > 3, f"a {role} is led to {addresses} only"
        for address in addresses:
            browser.open(address)
            answer = browser.js("return performance.getEntriesByType('navigation')[0].responseStatus")
            assert answer == 200, f"{role}: {address} is answered {answer}"
