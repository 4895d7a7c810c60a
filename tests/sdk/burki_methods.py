"""Runs in the virtual environment that burki_sdk.py made: every SMS method of the SDK against one binary."""

import asyncio
import http.client
import json
import sys
import tempfile
import time
import urllib.parse
import uuid
from importlib.metadata import version
from pathlib import Path

from burki import BurkiError, NotFoundError, ValidationError
from burki.models.sms import SMSCancelResponse
from burki_caller import ASYNC, Answers, Caller, Wrong, methods_of, same
from pydantic import ValidationError as UnreadableError
from server import API_KEY, Customers, Server

# Numbers whose outcome the sandbox is asked for.
UNDELIVERED, RATE_LIMITED = "+15005550012", "+15005550014"
PATIENCE_SECONDS = 30
NO_SUCH_ID, NO_SUCH_MESSAGE = "99999", str(uuid.UUID(int=7))
CONVERSATION_FIELDS = ("id", "assistant_id", "assistant_name", "customer_phone_number", "assistant_phone_number", "status",
                       "message_count", "channel", "ended_at")


class World:
    """One assistant, its number, and customers who write in; `call` is the SDK."""

    def __init__(self, server, call, number, customers):
        self.server, self.call, self.number, self.customers = server, call, number, customers
        self.assistant = server.assistant({number: "sandbox"})

    def written(self, *texts, customer=None):
        """Customers write as Twilio tells it. Returns who, and the conversation as the server has it."""
        customer = customer or self.customers.next()
        for text in texts:
            fields = {"MessageSid": f"SM{uuid.uuid4().hex}", "AccountSid": "AC" + "a" * 32, "From": customer,
                      "To": self.number, "Body": text, "NumMedia": "0"}
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            status, answer = self.server.call("POST", "/webhooks/sms/twilio", form, urllib.parse.urlencode(fields).encode())
            if status != 200:
                raise RuntimeError(f"a customer's message was answered {status}: {answer!r}")
        return customer, self.newest(customer)

    def newest(self, customer):
        query = urllib.parse.urlencode({"customer_phone": customer, "limit": 1})
        return self.server.api("GET", f"/api/v1/sms-conversations/?{query}")[0]

    def closed(self, customer):
        """The customer's session is cleared, so the conversation is completed."""
        path = f"/api/v1/sms-sessions/{urllib.parse.quote(customer)}/{self.assistant}"
        self.server.api("DELETE", path)

    def sent(self, customer, text="from an app", **more):
        """By the SDK."""
        return self.call("send", from_phone_number=self.number, to_phone_number=customer, message=text, **more)

    def reported(self, message_id, status):
        """Waits for the carrier's receipt, by the server's live events."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_SECONDS)
        target = "/api/v1/events?type=delivery_changed&last_event_id=0"
        try:
            connection.request("GET", target, headers={"Authorization": f"Bearer {API_KEY}"})
            for line in connection.getresponse():
                log = json.loads(line[5:]).get("log", {}) if line.startswith(b"data:") else {}
                if (log.get("provider_message_id"), log.get("status")) == (f"sandbox-{message_id}", status):
                    return
        finally:
            connection.close()
        raise Wrong(f"the events ended before {message_id} was {status}")


def send(world):
    call, customer = world.call, world.customers.next()
    media = ["https://example.com/a.jpg"]
    key = {"idempotency_key": f"key of {customer}"}
    sent = world.sent(customer, "Café 👍", media_urls=media, queue=False, **key)
    same("what is said of it", (sent.success, sent.status, sent.provider, sent.queued), (True, "sent", "sandbox", False))
    log = world.server.log_of(customer, "outbound")
    same("the log", (log["from_number"], log["body"], log["media_urls"]), (world.number, "Café 👍", media))
    same("the carrier's id", log["provider_message_id"], f"sandbox-{sent.message_id}")
    again = world.sent(customer, "Café 👍", media_urls=media, queue=False, **key)
    same("the message of the same key", again.message_id, sent.message_id)
    same("what the customer was told", world.server.said_by(customer), [("assistant", "Café 👍")])
    queued = world.sent(customer, "and one that is queued")
    same("what is said of one that is queued", (queued.success, queued.status, queued.queued), (True, "queued", True))
    for message in (sent, queued):
        world.reported(message.message_id, "delivered")

    ours = {"from_phone_number": world.number, "to_phone_number": customer}
    call.fails(BurkiError, 409, "idempotency key", "send", **ours, message="another", **key)
    call.fails(ValidationError, 422, "message", "send", **ours, message="")
    call.fails(ValidationError, 422, "to_phone_number", "send", **{**ours, "to_phone_number": "nobody"}, message="hi")
    call.fails(NotFoundError, 404, "from_phone_number", "send", **{**ours, "from_phone_number": "+15550009999"}, message="hi")
    call.refuses_strangers("send", **ours, message="hi")
    same("how much the customer was told", len(world.server.said_by(customer)), 2)


def get_status(world):
    call = world.call
    for customer, outcome, code in [(world.customers.next(), "delivered", None), (UNDELIVERED, "undelivered", "30003")]:
        message_id = world.sent(customer, queue=False).message_id
        world.reported(message_id, outcome)
        told = call("get_status", message_id=message_id)
        same("the status", (told.success, told.message_id, told.status), (True, message_id, "sent"))
        same("the carrier's", (told.provider, told.provider_status, told.error_code), ("sandbox", outcome, code))
        log = world.server.log_of(customer, "outbound")
        same("when it was delivered", told.delivered_at, log["updated_at"] if code is None else None)
        if not log["created_at"] <= told.sent_at <= log["updated_at"]:
            raise Wrong(f"it was sent at {told.sent_at}, which is not between the log's times: {log}")
    call.fails(NotFoundError, 404, "Not found", "get_status", message_id=NO_SUCH_MESSAGE)
    call.refuses_strangers("get_status", message_id=message_id)


def cancel(world):
    call = world.call
    waiting = world.sent(RATE_LIMITED, queue=False)
    same("what is said of one that waits", (waiting.status, waiting.queued), ("queued", True))
    call.refuses_strangers("cancel", message_id=waiting.message_id)
    for success in (True, False):
        taken = SMSCancelResponse.model_validate(call("cancel", message_id=waiting.message_id))
        same("what is said of taking it back",
             (taken.success, taken.message_id, taken.status), (success, waiting.message_id, "cancelled"))
    same("its status", world.server.api("GET", f"/sms/{waiting.message_id}/status")["status"], "cancelled")
    sent = world.sent(world.customers.next(), queue=False)
    late = call("cancel", message_id=sent.message_id)
    same("what is said too late", (late["success"], late["status"]), (False, "sent"))
    world.reported(sent.message_id, "delivered")
    call.fails(NotFoundError, 404, "Not found", "cancel", message_id=NO_SUCH_MESSAGE)


def get_queue_stats(world):
    """Whatever else was sent here has its receipt, so nothing moves meanwhile."""
    call = world.call
    sent = world.sent(world.customers.next(), queue=False)
    world.reported(sent.message_id, "delivered")
    waiting = world.sent(RATE_LIMITED, queue=False)
    stats = call("get_queue_stats")
    same("what waits", (stats.total_queued, stats.pending, stats.processing), (1, 1, 0))
    same("where", {name: count for name, count in stats.by_provider.items() if count}, {"sandbox": 1})
    by_status = {status: world.server.api("GET", f"/api/v1/sms-logs/?direction=outbound&status={status}")["total"]
                 for status in ("sent", "delivered", "undelivered", "failed")}
    same("what of an hour went out", stats.completed_last_hour, by_status["sent"] + by_status["delivered"])
    same("what of it did not", stats.failed_last_hour, by_status["undelivered"] + by_status["failed"])
    same("whether anything did", stats.completed_last_hour > 0, True)
    world.server.api("DELETE", f"/sms/{waiting.message_id}")
    same("what waits after that", call("get_queue_stats").total_queued, 0)
    call.refuses_strangers("get_queue_stats")


def list_conversations(world):
    call = world.call
    first, second, third = [world.written("hello")[0] for _ in range(3)]
    world.closed(first)

    def listed(**filters):
        return [it.customer_phone_number for it in call("list_conversations", assistant_id=world.assistant, **filters)]

    everybody = listed(limit=1000)
    same("the newest", everybody[:3], [third, second, first])
    same("a page", listed(skip=1, limit=2), [second, first])
    same("those of a customer", listed(customer_phone=second), [second])
    same("by part of a number", listed(customer_phone=second[-4:]), [second])
    same("who is active", listed(status="active", limit=2), [third, second])
    same("what is completed", listed(status="completed", limit=1), [first])
    began = world.newest(second)["started_at"]
    same("those since then", listed(date_from=began), [third, second])
    same("those until then", listed(date_to=began, limit=1000), everybody[1:])
    same("those of another time zone", listed(date_from="2000-01-01", date_to="2000-01-02T00:00:00+02:00"), [])
    same("those of another assistant", call("list_conversations", assistant_id=int(NO_SUCH_ID)), [])
    for wrong, value in [("limit", 0), ("skip", -1), ("status", "closed"), ("date_from", "yesterday")]:
        call.fails(ValidationError, 422, wrong, "list_conversations", **{wrong: value})
    call.refuses_strangers("list_conversations")


def get_conversation(world):
    call = world.call
    customer, held = world.written("one", "two")
    found = call("get_conversation", conversation_id=held["id"])
    wanted = (held["id"], world.assistant, "SDK script", customer, world.number, "active", 2, "sms", None)
    same("the conversation", tuple(getattr(found, name) for name in CONVERSATION_FIELDS), wanted)
    world.closed(customer)
    found = call("get_conversation", conversation_id=held["id"])
    same("its end", (found.status, found.ended_at), ("completed", world.newest(customer)["ended_at"]))
    for unknown in (NO_SUCH_ID, "conversation"):
        call.fails(NotFoundError, 404, "Not found", "get_conversation", conversation_id=unknown)
    call.refuses_strangers("get_conversation", conversation_id=held["id"])


def get_messages(world):
    call = world.call
    customer, held = world.written("Can I reschedule? 你好", "line one\nline two")
    world.reported(world.sent(customer, "Sure.").message_id, "delivered")
    messages = call("get_messages", conversation_id=held["id"])
    said = [("user", "Can I reschedule? 你好"), ("user", "line one\nline two"), ("assistant", "Sure.")]
    same("what was said", [(it.role, it.content) for it in messages], said)
    same("their places", [(it.conversation_id, it.message_index) for it in messages], [(held["id"], n) for n in (1, 2, 3)])
    same("their times", [it.timestamp for it in messages], sorted(it.timestamp for it in messages))
    call.fails(NotFoundError, 404, "Not found", "get_messages", conversation_id=NO_SUCH_ID)
    call.refuses_strangers("get_messages", conversation_id=held["id"])


def get_related_conversations(world):
    call = world.call
    customer, before = world.written("the first time")
    world.closed(customer)
    _, now = world.written("and again", customer=customer)
    related = call("get_related_conversations", conversation_id=now["id"])
    wanted = [(int(now["id"]), "active", True, "sms"), (int(before["id"]), "completed", False, "sms")]
    same("what is related", [(it["id"], it["status"], it["is_current"], it["channel"]) for it in related], wanted)
    call.fails(NotFoundError, 404, "Not found", "get_related_conversations", conversation_id=NO_SUCH_ID)
    call.refuses_strangers("get_related_conversations", conversation_id=now["id"])


def export_conversation(world):
    call = world.call
    _, held = world.written("for the record")
    exported = call("export_conversation", conversation_id=held["id"], format="json")
    same("the conversation", exported["conversation"], held)
    same("its messages", exported["messages"], world.server.api("GET", f"/api/v1/sms-conversations/{held['id']}/messages"))
    for name, ending in [({}, "txt"), ({"format": "txt"}, "txt"), ({"format": "csv"}, "csv")]:
        made = call("export_conversation", conversation_id=held["id"], **name)
        file = call.answers.last
        disposition = f"attachment; filename=\"sms-conversation-{held['id']}.{ending}\""
        same("the download", file.headers["content-disposition"], disposition)
        same(f"whether its text is in {file.text!r}", "for the record" in file.text, True)
        # The SDK parses every answer as JSON and makes nothing of others. The README says so, as long as it is so.
        same(f"what it makes of {ending}", made, None)
    call.fails(ValidationError, 422, "format", "export_conversation", conversation_id=held["id"], format="pdf")
    call.fails(NotFoundError, 404, "Not found", "export_conversation", conversation_id=NO_SUCH_ID)
    call.refuses_strangers("export_conversation", conversation_id=held["id"])


def delete_conversation(world):
    call = world.call
    customer, held = world.written("forget it")
    call.refuses_strangers("delete_conversation", conversation_id=held["id"])
    same("its status before", world.newest(customer)["status"], "active")
    answer = call("delete_conversation", conversation_id=held["id"])
    same("what is said of it", answer, {"success": True, "message": "SMS conversation archived successfully"})
    for method in ("get_conversation", "delete_conversation"):
        call.fails(NotFoundError, 404, "Not found", method, conversation_id=held["id"])
    same("what is listed", call("list_conversations", customer_phone=customer), [])
    same("what the customer writes then begins anew", world.written("back", customer=customer)[1]["message_count"], 1)


def assistants(world):
    """The other resource that is served: who answers."""
    call = world.call
    made = call("assistants.create", name="Night Desk", sms_webhook_url="http://127.0.0.1:9/sms")
    held = world.server.api("GET", f"/api/v1/assistants/{made.id}")
    same("what was made", (held["name"], held["sms_webhook_url"]), ("Night Desk", "http://127.0.0.1:9/sms"))
    same("its new name", call("assistants.update", assistant_id=made.id, name="Day Desk").name, "Day Desk")
    same("what is found", call("assistants.get", assistant_id=made.id).name, "Day Desk")
    same("whether it is listed", made.id in [it.id for it in call("assistants.list")], True)
    same("what is said of deleting it", call("assistants.delete", assistant_id=made.id), True)
    call.fails(NotFoundError, 404, "Not found", "assistants.get", assistant_id=made.id)


METHODS = (send, get_status, cancel, get_queue_stats, list_conversations, get_conversation, get_messages,
           get_related_conversations, export_conversation, delete_conversation)


def needs_the_setting(world):
    """The README asks for it as long as the SDK does not read conversations without it."""
    world.server.start({"TWILIO_SIGNATURES": "off"})
    call = Caller(f"http://127.0.0.1:{world.server.port}", API_KEY, "", world.call.loop, world.call.answers)
    try:
        result = call("list_conversations")
    except UnreadableError as error:
        return same("what cannot be read", {it["loc"] for it in error.errors()}, {("id",)})
    finally:
        call.close()
    raise Wrong(f"the SDK reads conversations without id_format, too: {result[:1]}")


class Report:
    def __init__(self):
        self.failed = 0

    def row(self, name, check, *arguments):
        try:
            check(*arguments)
            outcome = "ok"
        except Exception as error:  # whatever it is, the other methods are tried
            self.failed += 1
            outcome = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
        print(f"{name.ljust(40)}{outcome}", flush=True)


def all_called(callers):
    called = {name: passed for caller in callers for name, passed in caller.called.items()}
    known = methods_of(callers[0].client)
    wrong = [f"{name} is not called" for name in known if name not in called]
    for name in known:
        unused = known[name] - called.get(name, known[name])
        wrong += [f"{name}: {parameter} is never passed" for parameter in sorted(unused)]
    if wrong:
        raise Wrong("; ".join(wrong))


def run(server, report, loop):
    server.start({"TWILIO_SIGNATURES": "off", "ID_FORMAT": "string"})
    url, answers, customers = f"http://127.0.0.1:{server.port}", Answers(), Customers()
    callers = [Caller(url, API_KEY, suffix, loop, answers) for suffix in ("", ASYNC)]
    for caller, number in zip(callers, ("+15551230001", "+15551230002")):
        world = World(server, caller, number, customers)
        for method in METHODS:
            report.row(f"sms.{method.__name__}{caller.suffix}", method, world)
        report.row(f"assistants{caller.suffix}", assistants, world)
    report.row("every method and parameter is called", all_called, callers)
    for caller in callers:
        caller.close()
    report.row("id_format = \"string\" is needed", needs_the_setting, world)
    server.stop()


def main():
    binary, started, report, loop = Path(sys.argv[1]), time.monotonic(), Report(), asyncio.new_event_loop()
    print(f"burki {version('burki')}", flush=True)
    with tempfile.TemporaryDirectory(prefix="smslite-burki-") as home:
        server = Server(binary, Path(home))
        try:
            run(server, report, loop)
        finally:
            loop.close()
            if server.process is not None:
                server.process.kill()
                server.process.wait()
    print(f"\n{report.failed or 'nothing'} failed, {time.monotonic() - started:.0f} s")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
