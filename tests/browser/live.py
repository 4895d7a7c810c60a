"""What appears in pages that are open, without their being asked for again."""

from case import status, test
from reading import shows
from sample import ARABIC, ARABIC_SPEAKER, ASKING, ECHO_NUMBER, LONG, NEWCOMER, OUR_NUMBER, QUESTION, TALKING

# Lost by a page that is loaded again.
MARK, MARKED = "window.stayed = true", "return window.stayed === true"


def stays(browser):
    assert browser.js(MARKED), "the page was loaded again"


@test("a customer's message appears in an open inbox, at its top")
def in_the_inbox(served, browser):
    browser.sign_in()
    browser.see("#inbox a.row")
    browser.js(MARK)
    served.sms(ARABIC_SPEAKER, "Thursday at ten?")
    browser.see(f"#c-{ARABIC}", "Thursday at ten?")
    browser.until("the row is the first", lambda: browser.ids("#inbox a.row")[0] == f"c-{ARABIC}")
    assert browser.ids("#inbox a.row").count(f"c-{ARABIC}") == 1, "the row is there twice"
    stays(browser)


@test("a customer who never wrote before appears in an open inbox")
def somebody_new(served, browser):
    browser.sign_in()
    browser.see("#inbox a.row")
    browser.js(MARK)
    before = browser.count("#inbox a.row")
    served.sms(NEWCOMER, "Is anybody there?")
    browser.see(f"#c-{served.conversation_of(NEWCOMER)}", "Is anybody there?")
    assert browser.count("#inbox a.row") == before + 1
    stays(browser)


@test("a message that arrives as the page is being read appears, too")
def no_gap(served, browser):
    browser.sign_in()
    for number in range(1, 6):
        browser.open("/inbox")
        served.sms(NEWCOMER, f"Knock {number}")
        browser.see("#inbox a.row", f"Knock {number}")


@test("twenty messages at once all appear in an open thread, in their order and once each")
def a_flood(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread li.message")
    before = browser.count("#thread li.message")
    for number in range(1, 21):
        served.sms(ASKING, f"Flood {number:02}.")
    browser.see("#thread li.message", "Flood 20.")
    browser.until("all are there", lambda: browser.count("#thread li.message") == before + 20)
    shown = browser.ids("#thread li.message")
    assert shown == [f"m-{index}" for index in range(1, before + 21)], shown


@test("a customer's message appears in an open thread, below the others")
def in_the_thread(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#m-3.in")
    browser.js(MARK)
    served.sms(ASKING, "At two would be best")
    browser.see("#m-4.in", "At two would be best")
    assert browser.ids("#thread li.message") == ["m-1", "m-2", "m-3", "m-4"]
    stays(browser)


@test("an open thread follows its end, but not under the eyes of who reads further up")
def follows(served, browser):
    in_view = """const it = [...document.querySelectorAll('#thread li.message')].at(-1).getBoundingClientRect()
        return it.top < innerHeight && it.bottom > 0"""
    browser.sign_in()
    browser.click(f"#c-{LONG}")
    browser.at(f"/conversations/{LONG}")
    browser.until("the newest message is in view", lambda: browser.js(in_view))
    served.sms(TALKING, "I am still here")
    browser.see("#thread li.message", "I am still here")
    browser.until("the new message is in view", lambda: browser.js(in_view))
    read = "#" + browser.ids("#thread li.message")[9]
    browser.js("document.querySelector(arguments[0]).scrollIntoView({block: 'center', behavior: 'instant'})", read)
    top = "return document.querySelector(arguments[0]).getBoundingClientRect().top"
    before = browser.js(top, read)
    served.sms(TALKING, "And once more")
    browser.see("#thread li.message", "And once more")
    assert abs(browser.js(top, read) - before) < 4, "what was being read moved"


@test("an answer by the assistant appears in an open thread, and then that it was delivered")
def answered(served, browser):
    served.sms(NEWCOMER, "Hello parrot", to=ECHO_NUMBER)
    browser.sign_in()
    browser.open(f"/conversations/{served.conversation_of(NEWCOMER)}")
    browser.js(MARK)
    served.sms(NEWCOMER, "Polly wants a cracker", to=ECHO_NUMBER)
    browser.see("#m-3.in", "Polly")
    browser.see("#m-4.out", "Polly")
    browser.see("#m-4 .delivery", "delivered")
    stays(browser)


@test("what the API sends appears in an open thread")
def sent_by_the_api(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.js(MARK)
    served.api("POST", "/sms/send", {"from_phone_number": OUR_NUMBER, "to_phone_number": ASKING, "message": "Two it is"})
    browser.see("#m-4.out", "Two it is")
    browser.see("#m-4 .delivery", "delivered")
    stays(browser)


@test("a conversation that is archived elsewhere leaves an open inbox")
def archived_elsewhere(served, browser):
    browser.sign_in()
    browser.see(f"#c-{QUESTION}")
    browser.js(MARK)
    served.api("DELETE", f"/api/v1/sms-conversations/{QUESTION}")
    browser.gone(f"#c-{QUESTION}")
    stays(browser)


@test("of a conversation that is archived elsewhere an open thread shows nothing more", status(404, 410))
def archived_under_the_eyes(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread li.message", "reschedule")
    served.api("DELETE", f"/api/v1/sms-conversations/{QUESTION}")
    browser.gone("li.message")


@test("an open inbox and an open thread go on after the server was away for a moment", [r"net::ERR_", "Failed to fetch"], kept=True)
def server_away(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#m-3")
    browser.js(MARK)
    thread, inbox = browser.window()
    browser.open("/inbox")
    browser.see("#inbox a.row")
    browser.js(MARK)
    served.stop()
    served.start()
    served.sms(ASKING, "Are you back?")
    browser.until("the row tells", lambda: "Are you back?" in browser.texts(f"#c-{QUESTION}")[0], 40)
    stays(browser)
    browser.front(thread)
    browser.until("the thread tells", lambda: any("Are you back?" in it for it in browser.texts("#m-4")), 40)
    stays(browser)


@test("the focus and a half-typed reply survive what arrives meanwhile")
def half_typed(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.click("#compose-text")
    browser.keys("Shall we say ten?")
    browser.js("document.querySelector('#compose-text').setSelectionRange(6, 8)")
    served.sms(ASKING, "Hello?")
    browser.see("#m-4", "Hello?")
    assert browser.focus() == "compose-text", f"the focus is at {browser.focus()}"
    assert browser.value("#compose-text") == "Shall we say ten?"
    caret = browser.js("const it = document.querySelector('#compose-text'); return [it.selectionStart, it.selectionEnd]")
    assert caret == [6, 8], f"the caret is at {caret}"


@test("the focus stays at its row when rows above it come and go")
def focus_of_a_row(served, browser):
    browser.sign_in()
    browser.see(f"#c-{ARABIC}")
    browser.js("document.querySelector(arguments[0]).focus()", f"#c-{ARABIC}")
    served.sms(NEWCOMER, "Me first")
    browser.see("#inbox a.row", "Me first")
    assert browser.focus() == f"c-{ARABIC}", f"the focus is at {browser.focus()}"
    served.sms(ARABIC_SPEAKER, "No, me")
    browser.see(f"#c-{ARABIC}", "No, me")
    assert browser.focus() == f"c-{ARABIC}", f"the focus is at {browser.focus()}"


@test("a half-typed search survives what arrives meanwhile, and so does what it found")
def half_searched(served, browser):
    browser.sign_in()
    browser.click("#search")
    browser.keys("reschedule")
    shows(browser, QUESTION)
    served.sms(ASKING, "I would rather reschedule again")
    browser.see("#inbox a.row", "again")
    served.sms(NEWCOMER, "Nothing of that")
    served.sms(ASKING, "Then I will reschedule myself")
    browser.see("#inbox a.row", "myself")
    shows(browser, QUESTION)
    assert browser.focus() == "search" and browser.value("#search") == "reschedule"
