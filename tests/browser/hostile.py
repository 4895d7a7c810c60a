"""Texts that would be more than texts: each is shown as it is, and does nothing."""

import pages
from case import status, test
from sample import ASKING, NEWCOMER, OUR_NUMBER, QUESTION

RAN = "window.ran=1"
# Whatever of these becomes an element has the attribute data-x.
CORPUS = [
    f"<script data-x>{RAN}</script>",
    f"<ScRiPt data-x>{RAN}</sCrIpT >",
    f"<img data-x src=x onerror={RAN}>",
    f"<img data-x src=\"x\" onerror=\"{RAN}\"",
    f"<svg data-x onload={RAN}><animate onbegin={RAN} attributeName=x dur=1s>",
    f"</textarea><img data-x src=x onerror={RAN}>",
    f"</title></style></script><img data-x src=x onerror={RAN}>",
    f"</li></ul></main><form data-x action=/sign-out method=post><button autofocus onfocus={RAN}>Sign out",
    f"\"><img data-x src=x onerror={RAN}>",
    f"' autofocus data-x onfocus='{RAN}",
    f"\" autofocus data-x onfocus=\"{RAN}",
    f"--><!--><img data-x src=x onerror={RAN}>",
    f"<iframe data-x srcdoc=\"<script>parent.{RAN}</script>\"></iframe>",
    f"<a data-x href=\"javascript:{RAN}\">open your invoice</a>",
    f"javascript:{RAN}//https://example.com/%0a{RAN}",
    f"https://example.com/\"onmouseover=\"{RAN}\"data-x=\"",
    f"http://example.com/'><svg/data-x/onload={RAN}>",
    f"<div data-x hx-get=/inbox hx-trigger=load hx-on:htmx:after:request='{RAN}'>",
    f"<div data-x hx-on::load='{RAN}' hx-swap-oob='innerHTML:body'>",
    f"<hx-partial data-x hx-target='body'><img src=x onerror={RAN}></hx-partial>",
    f"<template data-x><script>{RAN}</script></template>",
    f"<base data-x href=//example.com/><link data-x rel=stylesheet href=//example.com/x.css>",
    f"<meta data-x http-equiv=refresh content='0;url=javascript:{RAN}'>",
    f"<style data-x>*{{display:none}}</style><math data-x><mi xlink:href=\"javascript:{RAN}\">",
    f"first line\ndata: <img data-x src=x onerror={RAN}>\n\nevent: message\ndata: <script data-x>{RAN}</script>\n\n",
    f"carriage\r\rdata: <img data-x src=x onerror={RAN}>\r\n\r\nid: 999999",
    "&lt;script&gt; &amp;amp; &#60;b&#62; &quot;&#x27; %3Cscript%3E \\u003cscript\\u003e",
    "{{7*7}} ${7*7} <%= 7*7 %> #{7*7} {% raw %}",
    "\u2028\u2029\u0085 separators \u202eback to front\u202c \u200bno width",
]
# Alone the text tells; white space may be shown as the page likes.
SHOWN = "return [...document.querySelectorAll(arguments[0])].map(it => it.textContent)"


def squeezed(text):
    return "".join(text.split())


def harmless(browser, where):
    if alert := browser.alert():
        raise AssertionError(f"{where}: a script asked: {alert}")
    assert not browser.js("return window.ran"), f"{where}: a script ran"
    made = browser.js("return [...document.querySelectorAll('[data-x], a[href^=\"javascript:\" i]')].map(it => it.outerHTML.slice(0, 100))")
    assert not made, f"{where}: texts became elements: {made}"


def has_all(browser, css, texts, where):
    def lacking():
        shown = [squeezed(it) for it in browser.js(SHOWN, css)]
        return [it for it in texts if not any(squeezed(it) in text for text in shown)]
    browser.until(f"{where} shows all as it is", lambda: not lacking() or harmless(browser, where))


@test("hostile messages are shown as they are in a thread, and do nothing")
def in_a_thread(served, browser):
    for text in CORPUS:
        served.sms(NEWCOMER, text)
    browser.sign_in()
    browser.open(f"/conversations/{served.conversation_of(NEWCOMER)}")
    has_all(browser, "li.message", CORPUS, "the thread")
    harmless(browser, "the thread")


@test("hostile messages that arrive in open pages are shown as they are, and do nothing")
def live(served, browser):
    browser.sign_in()
    browser.open(f"/conversations/{QUESTION}")
    browser.see("#m-3")
    thread, _inbox = browser.window()
    browser.open("/inbox")
    browser.see("#inbox a.row")
    for number, text in enumerate(CORPUS, 4):
        served.sms(ASKING, text)
        served.sms(f"+1555333{number:04d}", text)
    last = served.conversation_of(f"+1555333{len(CORPUS) + 3:04d}")
    browser.see(f"#c-{last}")
    harmless(browser, "the inbox")
    browser.front(thread)
    browser.see(f"#m-{len(CORPUS) + 3}")
    has_all(browser, "#thread li.message", CORPUS, "the thread")
    harmless(browser, "the thread")
    shown = browser.ids("#thread li.message")
    assert shown == [f"m-{index}" for index in range(1, len(CORPUS) + 4)], shown


@test("hostile replies and searches are shown as they are, and do nothing")
def typed(served, browser):
    browser.sign_in()
    for text in CORPUS[:11]:
        browser.open("/inbox")
        browser.fill("#search", text)
        browser.see(".empty")
        harmless(browser, f"the search for {text!r}")
        browser.driver.refresh()
        assert browser.value("#search").strip() == text.strip(), browser.value("#search")
        harmless(browser, f"the search for {text!r}, loaded again")
    browser.open(f"/conversations/{QUESTION}")
    for number, text in enumerate(CORPUS[:11], 4):
        browser.fill("#compose-text", text)
        browser.click("#compose button")
        browser.see(f"#m-{number}.out")
    has_all(browser, "#thread li.message", CORPUS[:11], "the thread")
    harmless(browser, "the thread")


@test("hostile names of assistants, numbers, keys and users do nothing, on no page", status(404))
def names(served, browser):
    for number, text in enumerate(CORPUS[:20]):
        short = text.replace("\n", " ")[:90]
        made = served.api("POST", "/api/v1/assistants", {"name": short, "description": text})
        path = f"/api/v1/assistants/{made['id']}/phone-numbers/assign-by-number"
        served.api("POST", path, {"phone_number": f"+1555777{number:04d}", "provider": "sandbox", "friendly_name": short})
        served.api("POST", "/api/v1/users/me/api-keys", {"name": short})
        served.api("POST", "/api/v1/users", {"email": f"hostile{number}@example.com", "first_name": short, "last_name": text[:90]})
        served.sms(f"+1555333{number:04d}", text, to=f"+1555777{number:04d}")
    ids = pages.busy(served)
    for name, path in pages.each(browser, ids):
        harmless(browser, path)
    for path, text in (("/assistants", CORPUS[0]), ("/api-keys", CORPUS[2]), ("/users", CORPUS[4][:80])):
        browser.open(path)
        has_all(browser, "main", [text], path)
        harmless(browser, path)
    conversation = served.conversation_of("+15553330002")
    for path in (f"/conversations/{conversation}", f"/conversations/{conversation}/timeline", f"/messages/{served.log_of('+15553330002')}",
                 f"/conversations/{conversation}/archive", "/inbox"):
        browser.open(path)
        harmless(browser, path)
    browser.open("/inbox")
    browser.choose("#assistant", CORPUS[0][:20])
    harmless(browser, "the inbox of a hostile assistant")


@test("a hostile carrier's payload and a hostile path are shown as they are, and do nothing")
def payloads(served, browser):
    served.sms(NEWCOMER, CORPUS[0])
    for text in CORPUS[:8]:
        served.ask("POST", "/webhooks/sms/" + "".join(f"%{byte:02x}" for byte in text.encode()), b"a=b",
                   {"User-Agent": text, "X-Forwarded-Host": text.replace("\n", " "), "Content-Type": "application/x-www-form-urlencoded"})
    browser.sign_in("admin")
    browser.open(f"/messages/{served.log_of(NEWCOMER)}")
    browser.see("#payload")
    harmless(browser, "the message")
    browser.open("/refused-webhooks")
    browser.see("main")
    harmless(browser, "the refused webhooks")


@test("the phone does nothing with a hostile text")
def phone(served, browser):
    browser.sign_in()
    browser.open("/phone")
    for text in CORPUS[:6]:
        browser.fill("#phone-form [name=from]", NEWCOMER)
        browser.fill("#phone-form [name=body]", text)
        if browser.js("return document.querySelector('#phone-form [name=to]').tagName") != "SELECT":
            browser.fill("#phone-form [name=to]", OUR_NUMBER)
        browser.click("#phone-form button")
        has_all(browser, "#phone-screen", [text], "the phone")
        harmless(browser, "the phone")
