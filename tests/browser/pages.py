"""Every page of the dashboard, for what must hold on each of them."""

from sample import ARABIC, ASKING, COMPLETED, ECHO_NUMBER, EMOJI, FAILED, LONG, NEWCOMER, OUR_NUMBER, QUESTION, WIDE

# A page's name and address, and the least of those who may see it: None is nobody, as on the page where one signs in.
PAGES = [
    ("sign-in", "/sign-in", None),
    ("inbox", "/inbox", "viewer"),
    ("inbox-nothing-found", "/inbox?q=nobody+said+this", "viewer"),
    ("conversation", f"/conversations/{QUESTION}", "viewer"),
    ("conversation-long", f"/conversations/{LONG}", "viewer"),
    ("conversation-completed", f"/conversations/{COMPLETED}", "viewer"),
    ("conversation-right-to-left", f"/conversations/{ARABIC}", "viewer"),
    ("conversation-emoji", f"/conversations/{EMOJI}", "viewer"),
    ("conversation-wide", f"/conversations/{WIDE}", "viewer"),
    ("conversation-failed", f"/conversations/{FAILED}", "viewer"),
    ("archive", f"/conversations/{QUESTION}/archive", "user"),
    ("timeline", f"/conversations/{QUESTION}/timeline", "viewer"),
    ("message", "/messages/{log}", "viewer"),
    ("message-logs", "/message-logs", "viewer"),
    ("sessions", "/sessions", "viewer"),
    ("parked-events", "/parked-events", "viewer"),
    ("opt-outs", "/opt-outs", "viewer"),
    ("assistants", "/assistants", "viewer"),
    ("api-keys", "/api-keys", "viewer"),
    ("users", "/users", "admin"),
    ("refused-webhooks", "/refused-webhooks", "admin"),
    ("configuration", "/configuration", "admin"),
    ("phone", "/phone", "user"),
    ("not-found", "/conversations/99999", "viewer"),
]


def busy(served):
    """So that pages which tell what happened have something to tell. Returns the places of ids in addresses."""
    served.sms(NEWCOMER, "When do you open?")
    served.sms(NEWCOMER, "Hello parrot", to=ECHO_NUMBER)
    served.ask("POST", "/webhooks/sms/nobody", b"a=b", {"Content-Type": "application/x-www-form-urlencoded"})
    served.api("POST", "/sms/send", {"from_phone_number": OUR_NUMBER, "to_phone_number": ASKING, "message": "Afternoon it is"})
    return {"log": served.log_of(NEWCOMER)}


def each(browser, ids, role="admin"):
    """Opens one page after another, signing in when it comes to those that want it; gives name and address."""
    signed_in = False
    for name, path, least in PAGES:
        if least is not None and not signed_in:
            browser.sign_in(role)
            signed_in = True
        path = path.format(**ids)
        browser.open(path)
        yield name, path


def hold(found):
    """found: what is wrong, a line each."""
    assert not found, "\n    ".join(["", *found])
