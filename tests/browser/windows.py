"""Several windows, and sessions that end while somebody is at work."""

from selenium.common.exceptions import WebDriverException

from case import status, test
from chrome import Failed
from sample import ASKING, COMPLETED, NEWCOMER, QUESTION

# An open page that is told so, and one that asks.
ENDED = status(401)


def unless_led_away(browser, use):
    """An open page may learn at any moment that its session has ended, also in the midst of being used."""
    try:
        use()
    except (WebDriverException, Failed):
        if not browser.path.startswith("/sign-in"):
            raise


@test("two windows show what arrives, and a reply in one appears in the other")
def two_windows(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    thread, inbox = browser.window()
    browser.open("/inbox")
    browser.see(f"#c-{QUESTION}")
    served.sms(ASKING, "Hello you two")
    browser.see(f"#c-{QUESTION}", "Hello you two")
    browser.front(thread)
    browser.see("#m-4", "Hello you two")
    browser.fill("#compose-text", "Hello from the first")
    browser.click("#compose button")
    browser.see("#m-5.out", "Hello from the first")
    browser.front(inbox)
    browser.see(f"#c-{QUESTION}", "Hello from the first")


@test("eight open windows are still answered")
def many_windows(served, browser):
    browser.sign_in()
    handles = [browser.driver.current_window_handle]
    for _ in range(7):
        handles.append(browser.window()[1])
        browser.open("/inbox")
        browser.see("#inbox a.row")
    served.sms(NEWCOMER, "Hello all of you")
    for handle in handles:
        browser.front(handle)
        browser.see("#inbox a.row", "Hello all of you")
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread")


@test("signing out in one window leads the other to the sign-in page, and back to where it was", ENDED)
def out_in_another(_, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    old, _new = browser.window()
    browser.open("/inbox")
    browser.click("#sign-out button")
    browser.at("/sign-in")
    browser.front(old)
    browser.driver.refresh()
    browser.at("/sign-in")
    browser.sign_in_here("user")
    browser.at(f"/conversations/{QUESTION}")


@test("an open page of a session that was ended elsewhere leads to the sign-in page when it is used, and back", ENDED)
def revoked(served, browser):
    browser.sign_in()
    browser.see(f"#c-{QUESTION}")
    served.end_session(browser.driver.get_cookies())
    unless_led_away(browser, lambda: browser.click(f"#c-{QUESTION}"))
    browser.at("/sign-in")
    browser.see("#sign-in")
    browser.sign_in_here("user")
    browser.until("one is back", lambda: browser.path.partition("?")[0] in ("/inbox", f"/conversations/{QUESTION}"))


@test("a search in an inbox whose session was ended leads to the sign-in page, not into a corner of the inbox", ENDED)
def revoked_search(served, browser):
    browser.sign_in()
    browser.see("#inbox a.row")
    served.end_session(browser.driver.get_cookies())
    unless_led_away(browser, lambda: (browser.click("#search"), browser.keys("gift")))
    browser.at("/sign-in")
    browser.sign_in_here("user")
    browser.at("/inbox")
    browser.see("#inbox a.row")


@test("a reply in a thread whose session has run out is not sent, and leads to the sign-in page and back", ENDED)
def expired_reply(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread")
    # What a browser does at the end of the cookie's time.
    browser.cdp("Network.clearBrowserCookies")
    unless_led_away(browser, lambda: (browser.fill("#compose-text", "Are you still there?"), browser.click("#compose button")))
    browser.at("/sign-in")
    assert len(served.messages_of(QUESTION)) == 3
    browser.sign_in_here("user")
    browser.at(f"/conversations/{QUESTION}")
    browser.see("#thread li.message")


@test("an open page learns by itself that its session was ended, before it shows anything more", ENDED)
def nothing_more(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#m-3")
    served.end_session(browser.driver.get_cookies())
    served.sms(ASKING, "This is for others")
    browser.open(f"/conversations/{QUESTION}")
    browser.at("/sign-in")
    browser.gone("body", "This is for others")


@test("a user who is switched off is out at the next click", [*ENDED, *status(403)])
def switched_off(served, browser):
    browser.sign_in()
    browser.see("#inbox a.row")
    user = next(it for it in served.api("GET", "/api/v1/users") if it["role"] == "user")
    served.api("PATCH", f"/api/v1/users/{user['id']}", {"is_active": False})
    unless_led_away(browser, lambda: browser.click(f"#c-{COMPLETED}"))
    browser.at("/sign-in")


@test("a window whose session went to somebody else shows theirs")
def another_person(_, browser):
    browser.sign_in("admin")
    browser.open("/users")
    browser.see("#table table", "viewer@example.com")
    browser.click("#sign-out button")
    browser.at("/sign-in")
    browser.sign_in_here("viewer")
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread")
    browser.gone("#compose")
