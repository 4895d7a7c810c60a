"""Without JavaScript."""

from case import test
from reading import shows
from sample import COMPLETED, LONG, LONG_COUNT, QUESTION


@test("without JavaScript one signs in, searches, reads, replies, archives and signs out")
def all_of_it(served, browser):
    browser.scripts(False)
    browser.driver.get("data:text/html,<title>none</title><script>document.title='ran'</script>")
    assert browser.driver.title == "none", "scripts run, so nothing would be shown by this"
    browser.sign_in("user", "/")
    browser.at("/inbox")
    browser.fill("#search", "gift")
    browser.find("#search").submit()
    shows(browser, COMPLETED)
    browser.open("/inbox")
    browser.click(f"#c-{QUESTION}")
    browser.at(f"/conversations/{QUESTION}")
    browser.see("#m-1.in", "reschedule")
    browser.fill("#compose-text", "Written without any script")
    browser.click("#compose button")
    browser.at(f"/conversations/{QUESTION}")
    browser.see("#m-4.out", "Written without any script")
    browser.until("it is delivered, says the page when it is loaded again",
                  lambda: browser.driver.refresh() or "delivered" in browser.texts("#m-4 .delivery")[0].lower())
    assert served.messages_of(QUESTION)[3:] == ["Written without any script"], "loading again sent it again"
    browser.click("#archive")
    browser.at(f"/conversations/{QUESTION}/archive")
    browser.click("#archive-form button")
    browser.at("/inbox")
    assert f"c-{QUESTION}" not in browser.ids("#inbox a.row")
    browser.click("#sign-out button")
    browser.at("/sign-in")


@test("without JavaScript the filters work by a button, and earlier messages by a link")
def filters(_, browser):
    browser.scripts(False)
    browser.sign_in()
    browser.choose("#status", "completed")
    browser.click("#filters [type=submit], #filters button:not([type])")
    browser.until("completed ones are shown", lambda: "status=completed" in browser.path and f"c-{COMPLETED}" in browser.ids("#inbox a.row"))
    assert f"c-{QUESTION}" not in browser.ids("#inbox a.row")
    browser.open(f"/conversations/{LONG}")
    seen = set(browser.ids("#thread li.message"))
    for _ in range(20):
        if not browser.count("#earlier"):
            break
        before = browser.path
        browser.click("#earlier")
        browser.until("there is another page", lambda: browser.path != before)
        seen |= set(browser.ids("#thread li.message"))
    assert seen == {f"m-{index}" for index in range(1, LONG_COUNT + 1)}, f"only {len(seen)} messages can be reached"


@test("without JavaScript the phone sends", )
def phone(served, browser):
    browser.scripts(False)
    browser.sign_in()
    browser.open("/phone")
    browser.fill("#phone-form [name=from]", "+15559990000")
    browser.fill("#phone-form [name=body]", "Sent without any script")
    browser.click("#phone-form button")
    browser.until("it arrived", lambda: served.api("GET", "/api/v1/sms-conversations/?customer_phone=%2B15559990000"))
    browser.see("body", "Sent without any script")
