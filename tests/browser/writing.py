"""Replies, archives, the phone, and what admins change."""

from case import status, test
from sample import ASKING, COMPLETED, ECHO_NUMBER, NEWCOMER, OUR_NUMBER, QUESTION, UNREACHED


@test("a reply appears in the thread, becomes delivered, and is in the API once")
def reply(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.fill("#compose-text", "Two o'clock it is 🦷\nSee you then")
    browser.click("#compose button")
    browser.see("#m-4.out", "Two o'clock it is 🦷")
    browser.see("#m-4 .delivery", "delivered")
    browser.until("the field is empty again", lambda: browser.value("#compose-text") == "")
    said = served.messages_of(QUESTION)
    assert said[3:] == ["Two o'clock it is 🦷\nSee you then"], said


@test("a reply that is sent twice in haste is sent once")
def twice_in_haste(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.fill("#compose-text", "Only once, please")
    browser.js("const it = document.querySelector('#compose button'); it.click(); it.click()")
    browser.see("#thread li.out", "Only once, please")
    browser.see("#thread li.out .delivery", "delivered")
    browser.open(f"/conversations/{QUESTION}")
    said = served.messages_of(QUESTION)
    assert said.count("Only once, please") == 1, said


@test("a reply of nothing but spaces is not sent, and says so", status(400, 422))
def empty_reply(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.fill("#compose-text", "   ")
    browser.click("#compose button")
    browser.until("something is said of it",
                  lambda: browser.count("[role=alert]") or browser.js("return !document.querySelector('#compose-text').checkValidity()"))
    assert len(served.messages_of(QUESTION)) == 3


@test("a reply to who has opted out is refused, and its text is kept", status(403, 409, 422))
def opted_out(served, browser):
    served.sms(ASKING, "STOP")
    before = len(served.messages_of(QUESTION))
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread li.message", "STOP")
    if browser.count("#compose-text:not(:disabled)"):
        browser.fill("#compose-text", "But we have offers")
        browser.click("#compose button")
        browser.see("[role=alert]")
        browser.until("the text is kept", lambda: browser.value("#compose-text") == "But we have offers")
    assert len(served.messages_of(QUESTION)) == before


@test("archiving asks first, and the conversation is then gone from the inbox and for Back", status(404, 410))
def archive(served, browser):
    browser.sign_in()
    browser.click(f"#c-{QUESTION}")
    browser.see("#thread li.message", "reschedule")
    browser.click("#archive")
    browser.at(f"/conversations/{QUESTION}/archive")
    assert len(served.messages_of(QUESTION)) == 3, "it was archived before anybody was asked"
    browser.click("#archive-form button")
    browser.until("the confirmation is over", lambda: browser.path.partition("?")[0] != f"/conversations/{QUESTION}/archive")
    browser.open("/inbox")
    browser.see("#inbox a.row")
    assert f"c-{QUESTION}" not in browser.ids("#inbox a.row")
    for _ in range(4):
        browser.driver.back()
        browser.until("the page is there", lambda: browser.js("return document.readyState") == "complete")
        browser.gone("#thread li.message")
        browser.gone("body", "Can I reschedule to Thursday?")


@test("whoever thinks better of archiving has changed nothing")
def not_archived(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.click("#archive")
    browser.at(f"/conversations/{QUESTION}/archive")
    browser.driver.back()
    browser.see("#thread li.message", "reschedule")
    assert len(served.messages_of(QUESTION)) == 3


@test("the phone plays a customer, and shows what the server did and what was answered")
def phone(served, browser):
    browser.sign_in()
    browser.open("/phone")
    browser.fill("#phone-form [name=from]", NEWCOMER)
    if browser.js("return document.querySelector('#phone-form [name=to]').tagName") == "SELECT":
        browser.choose("#phone-form [name=to]", ECHO_NUMBER)
    else:
        browser.fill("#phone-form [name=to]", ECHO_NUMBER)
    browser.fill("#phone-form [name=body]", "Is this thing on?")
    browser.click("#phone-form button")
    browser.until("sent and answered", lambda: browser.js("return document.querySelector('#phone-screen').innerText.split(arguments[0]).length", "Is this thing on?") == 3)
    browser.until("the server's part is told", lambda: browser.texts("#phone-server")[0])
    assert served.messages_of(served.conversation_of(NEWCOMER)) == ["Is this thing on?"] * 2


@test("an opt-out that is there is shown, with the customer's number")
def opt_outs(_, browser):
    browser.sign_in()
    browser.open("/opt-outs")
    browser.see("#table table", UNREACHED)
    browser.see("#table table", OUR_NUMBER)


@test("the logs have a table and a chart")
def logs(served, browser):
    served.sms(NEWCOMER, "Count me")
    browser.sign_in()
    browser.open("/message-logs")
    browser.see("#table table", "Count me")
    assert browser.count("svg#chart") == 1


@test("a customer who writes again after a conversation ended starts a fresh one, and the old one is related")
def fresh(served, browser):
    browser.sign_in()
    served.sms("+15550100003", "Me again", to=ECHO_NUMBER)
    fresh_one = served.conversation_of("+15550100003")
    assert fresh_one != COMPLETED
    browser.open(f"/conversations/{fresh_one}")
    browser.see("#thread li.in", "Me again")
    browser.until("the old one is linked", lambda: browser.count(f"#related a[href^='/conversations/{COMPLETED}']"))
