"""The inbox's search and filters, a thread, and files of it."""

from pathlib import Path

from case import test
from sample import ARABIC, ASKING, COMPLETED, FAILED, LONG, LONG_COUNT, NEWCOMER, QUESTION, WIDE


def rows(browser):
    """Which conversations the inbox leads to; what was found by its words leads to the conversation, too."""
    addresses = browser.js("return [...document.querySelectorAll('#inbox a.row')].map(it => new URL(it.href).pathname)")
    return sorted({int(it.rpartition("/")[2]) for it in addresses})


def shows(browser, *conversations):
    browser.until(f"the inbox has {sorted(conversations)}, not {rows(browser)}", lambda: rows(browser) == sorted(conversations))


@test("the search finds a customer by the whole number and by some of its digits")
def by_number(_, browser):
    browser.sign_in()
    browser.fill("#search", ASKING)
    shows(browser, QUESTION)
    browser.fill("#search", "100003")
    shows(browser, COMPLETED)


@test("the search finds conversations by what was said")
def by_text(_, browser):
    browser.sign_in()
    browser.fill("#search", "gift cards")
    shows(browser, COMPLETED)
    browser.fill("#search", "RESCHEDULE")
    shows(browser, QUESTION)
    browser.fill("#search", "موعدي")
    shows(browser, ARABIC)


@test("a search that finds nothing says so, and an emptied one shows all again")
def nothing_found(_, browser):
    browser.sign_in()
    browser.see("#inbox a.row")
    all_rows = browser.ids("#inbox a.row")
    browser.fill("#search", "nobody ever said this")
    browser.see(".empty")
    shows(browser)
    browser.fill("#search", "")
    browser.click("#search")
    browser.keys("x", "\ue003")
    browser.until("all rows are there again", lambda: browser.ids("#inbox a.row") == all_rows)


@test("what is searched for is in the address, so that it can be sent to others and Back leads there")
def in_the_address(_, browser):
    browser.sign_in()
    browser.fill("#search", "gift cards")
    shows(browser, COMPLETED)
    browser.until("the address has the search", lambda: "q=gift" in browser.path)
    browser.click("#inbox a.row")
    browser.at(f"/conversations/{COMPLETED}")
    browser.driver.back()
    browser.at("/inbox")
    shows(browser, COMPLETED)
    assert browser.value("#search") == "gift cards"


@test("the status filter shows the conversations that have it")
def by_status(_, browser):
    browser.sign_in()
    browser.choose("#status", "completed")
    shows(browser, COMPLETED, FAILED)
    browser.choose("#status", "active")
    shows(browser, QUESTION, LONG, ARABIC, 5, WIDE)


@test("the assistant filter shows the assistant's conversations")
def by_assistant(_, browser):
    browser.sign_in()
    browser.choose("#assistant", "echo")
    shows(browser, COMPLETED)
    browser.choose("#status", "active")
    shows(browser)
    browser.see(".empty")


@test("a conversation with news is marked until it is read, and the filter shows those")
def unread(served, browser):
    browser.sign_in()
    browser.see("#inbox a.row")
    # What one has read once has no news until there are some.
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#thread li.message")
    browser.open("/inbox")
    browser.until("nothing of what was read is news", lambda: browser.count(f"#c-{QUESTION}:not([data-unread])"))
    served.sms(ASKING, "Are you there?")
    browser.until("the row is marked", lambda: browser.count(f"#c-{QUESTION}[data-unread]"))
    browser.click("#unread")
    browser.until("the filter keeps the row", lambda: browser.count(f"#c-{QUESTION}[data-unread]"))
    browser.until("the filter hides what is read", lambda: not browser.count("#inbox a.row:not([data-unread])"))
    browser.click(f"#c-{QUESTION}")
    browser.see("#thread li.message", "Are you there?")
    browser.open("/inbox")
    browser.until("the mark is gone", lambda: browser.count(f"#c-{QUESTION}:not([data-unread])"))


@test("what arrives in an open thread is read")
def read_as_it_arrives(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#m-3")
    served.sms(ASKING, "Are you there?")
    browser.see("#m-4", "Are you there?")
    # What follows it in the same thread is seen after it was noted as read, or with it.
    browser.until("it is no news in the inbox", lambda: browser.open("/inbox") or browser.count(f"#c-{QUESTION}:not([data-unread])"))


@test("a thread tells days, sides and what became of each message")
def thread(_, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#m-1.in", "reschedule")
    browser.see("#m-2.out", "Morning or afternoon")
    browser.see("#m-2 .delivery", "delivered")
    assert browser.count("#thread .day") >= 1
    browser.open(f"/conversations/{FAILED}")
    browser.see("#m-1 .delivery", "undelivered")


@test("the earlier messages of a long thread are loaded, down to the first")
def earlier(_, browser):
    browser.sign_in()
    browser.open(f"/conversations/{LONG}")
    browser.see("#thread li.message", f"Line {LONG_COUNT} of")
    assert browser.count("#thread li.message") < LONG_COUNT, "all is loaded at once"
    seen = set()
    for _ in range(20):
        shown = [int(it.removeprefix("m-")) for it in browser.ids("#thread li.message")]
        assert shown == list(range(shown[0], shown[-1] + 1)), f"there are gaps in {shown}"
        seen |= set(shown)
        if not browser.count("#earlier"):
            break
        browser.click("#earlier")
        browser.until("there are earlier messages", lambda: browser.ids("#thread li.message")[0] != f"m-{shown[0]}")
        if shown[0] > 1:
            browser.until("what was read before is still there", lambda: browser.count(f"#m-{shown[0]}"))
    assert seen == set(range(1, LONG_COUNT + 1)), f"only {len(seen)} messages can be reached"


@test("related conversations and the timeline lead on from a thread")
def leads_on(_, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#related", "call")
    browser.click(f"a[href='/conversations/{QUESTION}/timeline']")
    browser.at(f"/conversations/{QUESTION}/timeline")
    browser.see("main", "received")


@test("a message's steps and what the carrier sent are shown")
def steps(served, browser):
    served.sms(NEWCOMER, "What do you know of me?")
    browser.sign_in()
    browser.open(f"/messages/{served.log_of(NEWCOMER)}")
    browser.see("#steps")
    browser.see("#payload", "What")


def download(browser, kind):
    """The bytes of the file that the browser kept."""
    folder = Path(browser.driver.home.name) / "downloads"
    before = set(folder.glob("*")) if folder.is_dir() else set()
    link = f"a[data-export={kind}]"
    if not browser.js("return document.querySelector(arguments[0]).checkVisibility()", link):
        browser.click(f"details:has({link}) summary")
    browser.click(link)

    def whole():
        new = (set(folder.glob("*")) if folder.is_dir() else set()) - before
        return [it for it in new if it.suffix != ".crdownload" and not it.name.startswith(".")]
    return browser.until(f"a {kind} file is kept", whole)[0]


@test("a thread is downloaded as txt, csv and json, as the API writes it")
def downloads(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{ARABIC}")
    for kind in ("txt", "csv", "json"):
        file = download(browser, kind)
        assert file.suffix == f".{kind}", f"the file is called {file.name}"
        wanted = served.file(f"/api/v1/sms-conversations/{ARABIC}/export?format={kind}")
        assert file.read_bytes() == wanted, f"{kind} differs: {file.read_bytes()[:200]!r}, not {wanted[:200]!r}"
        browser.see("#thread")
