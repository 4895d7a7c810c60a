"""What the three carriers say on the wire: their webhooks, signed, and the send requests and answers of their APIs.

Telnyx signs with Ed25519, which the standard library has not: its webhooks go unsigned, to a server that is told
`SMSLITE_TELNYX_SIGNATURES=off`. Its real signatures are tested in Rust.
"""

import base64
import hashlib
import hmac
import json
import time
import urllib.parse

# What carriers are told to call and what they sign; requests go to wherever the server listens just now.
PUBLIC_URL = "https://sms.example.com"
TWILIO_SID, TWILIO_TOKEN = "AC" + "7" * 32, "a-token-of-the-torture"
VONAGE_KEY, VONAGE_SECRET = "abcd1234", "a-signature-secret"
# The last one is a second number at the first carrier.
NUMBERS = {"+15550001001": "twilio", "+15550001002": "telnyx", "+15550001003": "vonage", "+15550001004": "twilio"}
FORM = "application/x-www-form-urlencoded"

# How far a message of ours has come; the three last are final.
RANKS = {"queued": 1, "sending": 2, "sent": 3, "delivered": 4, "undelivered": 4, "failed": 4}
# Courses of receipts, in each carrier's own words, with what they mean in the words that all share.
COURSES = {
    "twilio": [
        [("sent", "sent"), ("delivered", "delivered")],
        [("sending", "sending"), ("sent", "sent"), ("delivered", "delivered")],
        [("sent", "sent"), ("undelivered", "undelivered")],
        [("failed", "failed")],
        [("sent", "sent")],
    ],
    "telnyx": [
        [("sent", "sent"), ("delivered", "delivered")],
        [("sent", "sent"), ("delivery_failed", "undelivered")],
        [("sending_failed", "failed")],
        [("sending", "sending"), ("sent", "sent"), ("delivered", "delivered")],
        [("sent", "sent")],
    ],
    "vonage": [
        [("accepted", "sent"), ("delivered", "delivered")],
        [("buffered", "sending"), ("accepted", "sent"), ("delivered", "delivered")],
        [("buffered", "sending"), ("expired", "undelivered")],
        [("accepted", "sent"), ("failed", "failed")],
        [("accepted", "sent")],
    ],
}
ERRORS = {"twilio": "30003", "telnyx": "40006", "vonage": "8"}


def request(path, headers=(), body=b"", method="POST"):
    """A request whole as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: sms.example.com"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method == "POST":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def twilio_webhook(params, path="/webhooks/sms/twilio"):
    text = PUBLIC_URL + path + "".join(name + params[name] for name in sorted(params))
    signature = base64.b64encode(hmac.digest(TWILIO_TOKEN.encode(), text.encode(), hashlib.sha1)).decode()
    return request(path, [("content-type", FORM), ("x-twilio-signature", signature)], urllib.parse.urlencode(params).encode())


def telnyx_webhook(event, payload, path="/webhooks/sms/telnyx"):
    data = {"record_type": "event", "event_type": event, "id": f"event-{payload['id']}", "payload": payload}
    body = json.dumps({"data": data, "meta": {"attempt": 1}}).encode()
    return request(path, [("content-type", "application/json")], body)


def vonage_webhook(params, path="/webhooks/sms/vonage", style="form"):
    """Signed anew each time, because a signature is good for minutes only. `style`: as accounts choose."""
    params = params | {"api-key": VONAGE_KEY, "timestamp": str(int(time.time())), "nonce": "n"}
    cleaned = {name: value.replace("&", "_").replace("=", "_") for name, value in params.items()}
    text = "".join(f"&{name}={cleaned[name]}" for name in sorted(cleaned)) + VONAGE_SECRET
    params["sig"] = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    if style == "json":
        return request(path, [("content-type", "application/json")], json.dumps(params).encode())
    encoded = urllib.parse.urlencode(params)
    if style == "query":
        return request(f"{path}{'&' if '?' in path else '?'}{encoded}", method="GET")
    return request(path, [("content-type", FORM)], encoded.encode())


def inbound(provider, sid, customer, ours, text, style="form", part=None):
    """A customer's message; `part`: (reference, number, total) of a long one at Vonage."""
    if provider == "twilio":
        return twilio_webhook({
            "MessageSid": sid, "SmsSid": sid, "AccountSid": TWILIO_SID, "From": customer, "To": ours, "Body": text,
            "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received", "ApiVersion": "2010-04-01", "FromCity": ""})
    if provider == "telnyx":
        return telnyx_webhook("message.received", {
            "id": sid, "record_type": "message", "direction": "inbound", "type": "SMS", "text": text, "parts": 1,
            "from": {"phone_number": customer}, "media": [], "errors": [],
            "to": [{"phone_number": ours, "status": "webhook_delivered"}]})
    params = {
        "messageId": sid, "msisdn": customer[1:], "to": ours[1:], "text": text, "type": "text",
        "message-timestamp": "2026-11-25 10:00:00"}
    if part:
        reference, number, total = part
        params |= {"concat": "true", "concat-ref": reference, "concat-part": str(number), "concat-total": str(total)}
    return vonage_webhook(params, style=style)


def receipt(provider, taken, word, means, style="form", names_job=True):
    """What became of a message, sent to the URL that came with it. `names_job`: at Vonage by `client-ref`, even if the
    URL does."""
    url = taken.callback.removeprefix(PUBLIC_URL)
    failed = means in ("undelivered", "failed")
    if provider == "twilio":
        params = {
            "MessageSid": taken.id, "SmsSid": taken.id, "MessageStatus": word, "SmsStatus": word, "To": taken.to,
            "From": taken.ours, "AccountSid": TWILIO_SID, "ApiVersion": "2010-04-01"}
        return twilio_webhook(params | ({"ErrorCode": ERRORS[provider]} if failed else {}), url)
    if provider == "telnyx":
        errors = [{"code": ERRORS[provider], "title": "Recipient server unavailable"}] if failed else []
        return telnyx_webhook("message.finalized" if RANKS[means] == 4 else "message.sent", {
            "id": taken.id, "record_type": "message", "direction": "outbound", "type": "SMS", "errors": errors,
            "from": {"phone_number": taken.ours}, "to": [{"phone_number": taken.to, "status": word}]}, url)
    params = {
        "msisdn": taken.to[1:], "to": taken.ours[1:], "messageId": taken.id, "status": word, "price": "0.03",
        "err-code": ERRORS[provider] if failed else "0", "scts": "2611251000", "network-code": "310004"}
    if names_job or "job=" not in url:
        params["client-ref"] = taken.job
    return vonage_webhook(params, url, style)


class Asked:
    """A request to send, as the carrier reads it."""

    def __init__(self, path, headers, body):
        if path == "/v2/messages":
            said = json.loads(body)
            self.provider, self.job = "telnyx", headers.get("idempotency-key")
            self.ours, self.to, self.text = said["from"], said["to"], said["text"]
            self.callback = said["webhook_url"]
        else:
            said = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
            if path == "/sms/json":
                self.provider, self.job, self.callback = "vonage", said["client-ref"], said["callback"]
                self.ours, self.to, self.text = "+" + said["from"], "+" + said["to"], said["text"]
            else:
                self.provider, self.callback = "twilio", said["StatusCallback"]
                self.job = urllib.parse.parse_qs(urllib.parse.urlsplit(self.callback).query)["job"][0]
                self.ours, self.to, self.text = said["From"], said["To"], said["Body"]


def taken_answer(provider, message_id, to):
    """That a carrier took a message: HTTP status and JSON."""
    if provider == "twilio":
        return 201, {"sid": message_id, "status": "queued", "num_segments": "1", "error_code": None, "error_message": None}
    if provider == "telnyx":
        return 200, {"data": {"record_type": "message", "id": message_id, "to": [{"phone_number": to, "status": "queued"}], "parts": 1}}
    return 200, {"message-count": "1", "messages": [{"to": to[1:], "message-id": message_id, "status": "0"}]}


def busy_answer(provider):
    """Too much at a time."""
    if provider == "twilio":
        return 429, {"code": 20429, "message": "Too many requests", "status": 429}
    if provider == "telnyx":
        return 429, {"errors": [{"code": "10011", "title": "Too many requests"}]}
    return 200, {"message-count": "1", "messages": [{"status": "1", "error-text": "Throughput Rate Exceeded - please wait [ 250 ] and retry"}]}


def broken_answer(provider):
    """The carrier itself says that it failed."""
    if provider == "twilio":
        return 500, {"code": 20500, "message": "Internal server error", "status": 500}
    if provider == "telnyx":
        return 503, {"errors": [{"code": "10007", "title": "Unexpected error"}]}
    return 200, {"message-count": "1", "messages": [{"status": "5", "error-text": "Internal Error"}]}


def refused_answer(provider):
    """Never will be taken."""
    if provider == "twilio":
        return 400, {"code": 21211, "message": "Invalid 'To' phone number", "status": 400}
    if provider == "telnyx":
        return 400, {"errors": [{"code": "40310", "title": "Invalid 'to' address"}]}
    return 200, {"message-count": "1", "messages": [{"status": "7", "error-text": "Number barred"}]}
