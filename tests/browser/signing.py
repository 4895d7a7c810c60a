"""Signing in and out."""

import urllib.parse

from case import status, test
from sample import PASSWORD, QUESTION, email


@test("whoever is not signed in is led to the sign-in page")
def led_to_sign_in(_, browser):
    browser.open("/")
    browser.at("/sign-in")
    browser.see("#sign-in")


@test("a user signs in, sees the inbox, and signs out")
def in_and_out(_, browser):
    browser.sign_in("user", "/")
    browser.at("/inbox")
    browser.see(f"#inbox #c-{QUESTION}")
    browser.click("#sign-out button")
    browser.at("/sign-in")
    browser.open("/inbox")
    browser.at("/sign-in")


@test("a wrong password is told, and the email need not be typed again", status(401, 422))
def wrong_password(_, browser):
    browser.open("/sign-in")
    browser.fill("#sign-in [name=email]", email("user"))
    browser.fill("#sign-in [name=password]", "not my password")
    browser.click("#sign-in button")
    browser.see("[role=alert]")
    assert browser.value("#sign-in [name=email]") == email("user"), "the email is gone"
    assert browser.value("#sign-in [name=password]") == "", "the password stands in the page"
    browser.fill("#sign-in [name=password]", PASSWORD)
    browser.click("#sign-in button")
    browser.at("/inbox")


@test("an email that nobody has is told as a wrong password is", status(401, 422))
def nobody(_, browser):
    told = []
    for address in (email("user"), email("nobody")):
        browser.open("/sign-in")
        browser.fill("#sign-in [name=email]", address)
        browser.fill("#sign-in [name=password]", "not my password")
        browser.click("#sign-in button")
        browser.see("[role=alert]")
        told += browser.texts("[role=alert]")
    assert told[0] == told[1], f"they can be told apart: {told}"


@test("after signing in one is where one wanted to go")
def where_one_wanted(_, browser):
    browser.open(f"/conversations/{QUESTION}")
    browser.at("/sign-in")
    browser.sign_in("user", browser.path)
    browser.at(f"/conversations/{QUESTION}")


@test("an address of somebody else's is no place to go after signing in")
def not_elsewhere(_, browser):
    browser.open(f"/conversations/{QUESTION}")
    browser.at("/sign-in")
    asked = browser.path
    for elsewhere in ("https://example.com/", "//example.com/", "/\\example.com/", "javascript:alert(1)"):
        browser.cdp("Network.clearBrowserCookies")
        path, _, query = asked.partition("=")
        assert query, f"{asked} does not say where one wanted to go"
        browser.sign_in("user", f"{path}={urllib.parse.quote(elsewhere, safe='')}")
        assert browser.driver.current_url.startswith(browser.url + "/"), f"{elsewhere} led to {browser.driver.current_url}"


@test("being remembered outlives the browser, and is not done unasked")
def remembered(_, browser):
    for remember in (False, True):
        browser.cdp("Network.clearBrowserCookies")
        browser.open("/sign-in")
        if remember:
            browser.click("#sign-in [name=remember_me]")
        browser.sign_in_here("user")
        cookies = [it for it in browser.driver.get_cookies() if it["httpOnly"]]
        assert cookies, "there is no cookie that scripts cannot read"
        assert any("expiry" in it for it in cookies) == remember, f"remember: {remember}, cookies: {cookies}"


@test("after signing out, Back shows nothing of what was read")
def back_after_signing_out(_, browser):
    browser.sign_in("user")
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread li.message", "reschedule")
    browser.click("#sign-out button")
    browser.at("/sign-in")
    browser.driver.back()
    browser.at("/sign-in")
    browser.gone("body", "reschedule")
