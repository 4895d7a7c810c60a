"""What people set up in the pages: keys, users, assistants and their numbers, opt-outs, sessions."""

from case import test
from sample import ASKING, NEWCOMER, OUR_NUMBER, PASSWORD, QUESTION


def press(browser, row, label):
    """The button of a row of a table, and that of the page that asks, if one does."""
    script = """const row = [...document.querySelectorAll('#table tbody tr')].find(it => it.innerText.includes(arguments[0]))
        return [...row?.querySelectorAll('button') ?? []].find(it => it.innerText.toLowerCase().includes(arguments[1]))"""
    browser.until(f"the row of {row!r} has a button {label!r}", lambda: browser.js(script, row, label)).click()
    browser.until("the next page is there", lambda: browser.js("return document.readyState") == "complete")
    if browser.count("#ask"):
        browser.click("#ask button")


def opened(browser, css):
    """What a summary hides."""
    browser.js("const it = document.querySelector(arguments[0]).closest('details'); if (it && !it.open) it.querySelector('summary').click()", css)


@test("a key is made, shown once, works, and works no more when it is revoked")
def key(served, browser):
    browser.sign_in("admin")
    browser.open("/api-keys")
    browser.fill("#make-key [name=name]", "Lena's laptop")
    browser.click("#make-key button")
    browser.see("#made .secret", "sl_live_")
    secret = browser.texts("#made .secret")[0]
    asked = ("GET", "/api/v1/sms-conversations/", None, {"Authorization": f"Bearer {secret}"})
    assert served.ask(*asked)[0] == 200, "the key does not work"
    browser.open("/api-keys")
    browser.see("#table table", "Lena's laptop")
    assert secret not in browser.driver.page_source, "the key is shown again"
    press(browser, "Lena's laptop", "revoke")
    browser.until("the key works no more", lambda: served.ask(*asked)[0] == 401)


@test("an admin makes a user, who can sign in")
def user(_, browser):
    browser.sign_in("admin")
    browser.open("/users")
    opened(browser, "#make-user")
    browser.fill("#make-user [name=email]", "lena@example.com")
    browser.fill("#make-user [name=first_name]", "Lena")
    browser.choose("#make-user [name=role]", "viewer")
    browser.fill("#make-user [name=password]", PASSWORD)
    browser.click("#make-user button")
    browser.see("#table table", "lena@example.com")
    browser.click("#sign-out button")
    browser.at("/sign-in")
    browser.fill("#sign-in [name=email]", "lena@example.com")
    browser.fill("#sign-in [name=password]", PASSWORD)
    browser.click("#sign-in button")
    browser.at("/inbox")
    browser.see("#inbox a.row")


@test("an assistant is made, given a number, and answers there")
def assistant(served, browser):
    number = "+15557770001"
    browser.sign_in()
    browser.open("/assistants")
    opened(browser, "#make form")
    browser.fill("#make [name=name]", "Night Desk")
    browser.choose("#make [name=auto_reply]", "echo")
    browser.click("#make form button")
    browser.see("main h2", "Night Desk")
    card = browser.js("return [...document.querySelectorAll('section[id^=assistant-]')].find(it => it.innerText.includes('Night Desk')).id")
    field = f"#{card} form[action$='/numbers'] [name=phone_number]"
    opened(browser, field)
    browser.fill(field, number)
    browser.click(f"#{card} form[action$='/numbers'] button")
    browser.see(f"#{card} table", number)
    served.sms(NEWCOMER, "Anybody up?", to=number)
    said = browser.until("it answers", lambda: (it := served.messages_of(served.conversation_of(NEWCOMER)))[1:] and it)
    assert said == ["Anybody up?"] * 2, said


@test("an opt-out is added, holds, and is removed")
def opt_out(served, browser):
    send = ("POST", "/sms/send", {"from_phone_number": OUR_NUMBER, "to_phone_number": ASKING, "message": "Offers"})
    browser.sign_in()
    browser.open("/opt-outs")
    browser.fill("#add-opt-out [name=customer_phone_number]", ASKING)
    browser.fill("#add-opt-out [name=phone_number]", OUR_NUMBER)
    browser.click("#add-opt-out button")
    browser.see("#table table", ASKING)
    try:
        served.api(*send)
    except RuntimeError as refused:
        assert "409" in str(refused), refused
    else:
        raise AssertionError("it was sent")
    press(browser, ASKING, "remove")
    browser.gone("#table table", ASKING)
    served.api(*send)


@test("clearing all sessions asks first, and the customer's next message starts a fresh conversation")
def sessions(served, browser):
    browser.sign_in()
    browser.open("/sessions")
    browser.see("#table table", ASKING)
    browser.click("#clear-all")
    browser.see("#ask")
    served.sms(ASKING, "Still in the same one")
    assert served.conversation_of(ASKING) == QUESTION, "it was cleared before anybody was asked"
    browser.click("#ask button")
    browser.at("/sessions")
    browser.gone("#table table", ASKING)
    served.sms(ASKING, "In a fresh one")
    assert served.conversation_of(ASKING) != QUESTION
