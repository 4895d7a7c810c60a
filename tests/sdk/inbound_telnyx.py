"""Telnyx: an Ed25519 key signs, both of its library's checks and the server judge the very same bytes."""

import base64
import json
import time
import uuid

import telnyx
from nacl.signing import SigningKey
from server import wrong_about
from telnyx.resources.webhooks import WebhooksResource

# Importing anything of telnyx.lib puts its lenient check in the place of this one.
strict_unwrap = WebhooksResource.unwrap

from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature

OUR_NUMBER = "+15551230002"
API_KEY = "KEY0123_of_the_sdk_script"
PATH = "/webhooks/sms/telnyx"
# The order of the field's points where the scheme works; a signature plus it is the same point written in a second way.
ORDER = 2**252 + 27742317777372353535851937790883648493


class Inbound:
    def __init__(self, server, table, customers):
        self.server, self.table, self.customers = server, table, customers
        self.key, self.other = SigningKey.generate(), SigningKey.generate()
        self.public_key = base64.b64encode(bytes(self.key.verify_key)).decode()
        self.client = telnyx.Telnyx(api_key=API_KEY, public_key=self.public_key)

    def envelope(self, event, payload):
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime())
        data = {"event_type": event, "id": str(uuid.uuid4()), "occurred_at": now, "payload": payload, "record_type": "event"}
        return {"data": data, "meta": {"attempt": 1, "delivered_to": f"https://sms.example.com{PATH}"}}

    def message(self, customer, text, media=(), **more):
        return self.envelope("message.received", {
            "cc": [], "completed_at": None, "cost": None, "direction": "inbound", "encoding": "UCS-2", "errors": [],
            "from": {"carrier": "T-Mobile USA", "line_type": "Wireless", "phone_number": customer}, "id": str(uuid.uuid4()),
            "media": [{"url": url, "content_type": "image/png", "size": 1, "hash_sha256": "0" * 64} for url in media],
            "messaging_profile_id": str(uuid.uuid4()), "organization_id": str(uuid.uuid4()), "parts": 1,
            "received_at": "2026-01-01T00:00:00.000+00:00", "record_type": "message", "sent_at": None, "subject": None,
            "tags": [], "text": text, "type": "MMS" if media else "SMS", "valid_until": None,
            "to": [{"carrier": "Telnyx", "line_type": "Wireless", "phone_number": OUR_NUMBER, "status": "webhook_delivered"}],
            "webhook_failover_url": None, "webhook_url": f"https://sms.example.com{PATH}", **more})

    def receipt(self, message_id, customer, status, event):
        return self.envelope(event, {
            "direction": "outbound", "errors": [], "id": message_id, "record_type": "message", "type": "SMS", "parts": 1,
            "from": {"phone_number": OUR_NUMBER}, "to": [{"phone_number": customer, "status": status}], "text": "x", "media": []})

    def signed(self, body, timestamp=None, key=None, separator=b"|"):
        timestamp = str(int(time.time())) if timestamp is None else timestamp
        signature = (key or self.key).sign(timestamp.encode() + separator + body).signature
        return {"telnyx-signature-ed25519": base64.b64encode(signature).decode(), "telnyx-timestamp": timestamp}

    def verdicts(self, body, headers):
        """What both of the library's checks say."""
        try:
            strict_unwrap(self.client.webhooks, body.decode(), headers=headers)
            unwrap = True
        except ValueError:  # of which JSON's and UTF-8's are some
            unwrap = False
        try:
            verify_webhook_signature(body, headers, self.public_key)
            helper = True
        except (WebhookVerificationError, UnicodeDecodeError):
            helper = False
        return {"unwrap": unwrap, "helper": helper}

    def judge(self, case, customer, body, headers, text=None, media=(), target=PATH):
        headers = {"Content-Type": "application/json", "User-Agent": "telnyx-webhooks", **headers}
        said = self.verdicts(body, headers)
        status, _ = self.server.call("POST", target, headers, body)
        self.table.verdicts(f"telnyx: {case}", said, status, wrong_about(self.server, customer, status, text, media))

    def taken(self):
        def case(name, text, media=(), target=PATH, timestamp=0, written=None, names=str, **more):
            customer = self.customers.next()
            written = written or (lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")))
            body = written(self.message(customer, text, media, **more)).encode()
            headers = self.signed(body, str(int(time.time()) + timestamp))
            self.judge(name, customer, body, {names(key): value for key, value in headers.items()}, text, media, target)

        case("a message", "Can I reschedule?")
        case("a message in UTF-8 with emoji", "Café € 👍🏽 你好")
        case("the same, escaped", "Café € 👍🏽 你好", written=json.dumps)
        case("the same, pretty-printed", "Café € 👍🏽 你好",
             written=lambda value: json.dumps(value, indent=2, sort_keys=True) + "\n")
        case("a message with separators", "a|b&c=d\n\"quoted\" \\ </script> \u2028")
        case("a message without text", "")
        media = ["https://media.telnyx.example/1.png", "https://media.telnyx.example/ü?x=1&y=2"]
        case("a message with two files", "look", media)
        case("headers in capitals", "capitals", names=str.upper)
        case("an old path", "old path", target="/telnyx-webhook")
        case("an old path with a query", "query", target="/telnyx-sms-webhook?a=1")
        case("signed four minutes ago", "late", timestamp=-240)
        case("signed for four minutes from now", "early", timestamp=240)
        case("fields that nobody knows yet", "unknown", future={"nested": [1, {"a": None}]})

    def tampered(self):
        customer = None

        def case(name, change=lambda body: body, headers=lambda right: right, **signing):
            nonlocal customer
            customer = self.customers.next()
            body = json.dumps(self.message(customer, "Please call me"), ensure_ascii=False).encode()
            self.judge(name, customer, change(body), headers(self.signed(body, **signing)))

        def signature(change):
            return lambda right: {**right, "telnyx-signature-ed25519": change(right["telnyx-signature-ed25519"])}

        def added_order(text):
            raw = base64.b64decode(text)
            scalar = int.from_bytes(raw[32:], "little") + ORDER
            return base64.b64encode(raw[:32] + scalar.to_bytes(32, "little")).decode()

        now = int(time.time())
        case("another text", lambda body: body.replace(b"call me", b"call us"))
        case("written anew", lambda body: json.dumps(json.loads(body), separators=(",", ":")).encode())
        case("a line break more", lambda body: body + b"\n")
        case("another key", key=self.other)
        case("another time than was signed", headers=lambda right: {**right, "telnyx-timestamp": str(now - 7)})
        case("another separator", separator=b".")
        case("signed ten minutes ago", timestamp=str(now - 600))
        case("signed for ten minutes from now", timestamp=str(now + 600))
        case("a timestamp in milliseconds", timestamp=str(now * 1000))
        case("a timestamp that is none", timestamp="now")
        case("a timestamp with a fraction", timestamp=f"{now}.0")
        case("a timestamp with a sign", timestamp=f"+{now}")
        case("a timestamp with an underscore", timestamp=f"{now // 1000}_{now % 1000:03}")
        case("no signature", headers=lambda right: {"telnyx-timestamp": right["telnyx-timestamp"]})
        case("no timestamp", headers=lambda right: {"telnyx-signature-ed25519": right["telnyx-signature-ed25519"]})
        case("an empty signature", headers=signature(lambda _: ""))
        case("a signature that is no base64", headers=signature(lambda _: "not base64 at all!"))
        case("a signature cut short", headers=signature(lambda text: base64.b64encode(base64.b64decode(text)[:63]).decode()))
        case("a signature in hexadecimal", headers=signature(lambda text: base64.b64decode(text).hex()))
        case("a signature of zeros", headers=signature(lambda _: base64.b64encode(bytes(64)).decode()))
        case("junk within the base64", headers=signature(lambda text: text[:10] + "*" + text[10:]))
        case("the same signature, written in a second way", headers=signature(added_order))
        empty = self.signed(b"")
        self.judge("an empty body, signed", self.customers.next(), b"", empty)
        customer = self.customers.next()
        foreign = json.dumps(self.message(customer, "caf?")).encode().replace(b"caf?", b"caf\xe9")
        self.judge("bytes that are not UTF-8", customer, foreign, self.signed(foreign), "caf\ufffd")

    def random(self, rng, count):
        """One bit of body, signature or timestamp turned over, or none."""
        takes = differs = 0
        for _ in range(count):
            body = bytearray(json.dumps(self.message("+14155550000", "x", tags=[rng.random()]), ensure_ascii=False).encode())
            headers = self.signed(bytes(body), str(int(time.time()) - rng.randrange(200)))
            change = rng.randrange(4)
            if change == 1:
                body[rng.randrange(len(body))] ^= 1 << rng.randrange(7)
            elif change == 2:
                raw = bytearray(base64.b64decode(headers["telnyx-signature-ed25519"]))
                raw[rng.randrange(64)] ^= 1 << rng.randrange(8)
                headers["telnyx-signature-ed25519"] = base64.b64encode(raw).decode()
            elif change == 3:
                headers["telnyx-timestamp"] = str(int(headers["telnyx-timestamp"]) + rng.choice([-1, 1]))
            said = self.verdicts(bytes(body), headers)["unwrap"]
            status, _ = self.server.call("POST", PATH, {"Content-Type": "application/json", **headers}, bytes(body))
            takes += said
            if (status == 200) != said or status not in (200, 403):
                differs += 1
                print(f"telnyx: the library {said}, the server {status}: {headers} {bytes(body)!r}")
        self.table.holds(f"telnyx: {count} random changes", f"{differs} differ" if differs else None, f"unwrap takes {takes}",
                         f"takes {takes if not differs else '?'}")
