"""The other way: library and server send the same message to the recorder, and must ask the same of it.

Twilio's and Vonage's libraries have no setting for another place than the carrier's own: below them, what would go to the
network goes to the recorder instead, whole, and where it would have gone is compared as well.
"""

import json
import time
import urllib.parse

import inbound_telnyx
import inbound_twilio
import inbound_vonage
import requests
import telnyx
from pydantic import ValidationError
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from vonage import Auth, Vonage
from vonage_messages.models import MmsAudio, MmsImage, MmsResource, MmsVcard, MmsVideo
from vonage_sms import SmsMessage

SERVICE_NUMBER, SERVICE = "+15551230004", "MG" + "b" * 32
SHORT_CODE, SENDER_NAME = "12345", "ACME"
PUBLIC_URL = inbound_twilio.PUBLIC_URL

# What a text holds, and whether it needs more than GSM-7, which Vonage has to be told.
TEXTS = [
    ("a message", "Your table is ready", False),
    ("a message in UTF-8 with emoji", "Café 👍🏽 你好", True),
    ("a message with separators", "a&b=c %26 1+1=2; 100% \"q\" 'x' <y> ~", False),
    ("a message with what GSM-7 has in pairs", "€ [1] {2} \\ ^ |", False),
    ("a message with letters of GSM-7", "ÄÖÑÜ§¿äöñüà Δ_ΦΓΛΩ £¥èéùì", False),
    ("a message with one letter that is not of GSM-7", "plain but for ç", True),
    ("a message with line breaks and blanks at its ends", "  first\r\nsecond\n ", False),
    ("a message with a backslash, quotes and a tab", "\\u0041 \"\\n\"\t/", True),
    ("a long message", "0123456789" * 160, False),
    ("a long message beyond GSM-7", "é🙂ж" * 133, True),
]
ONE, TWO = ["https://example.com/a.jpg"], ["https://example.com/b.png?x=1&y=ü%20", "https://example.com/a.jpg"]


def callback_of(request):
    """Under the name that each of the four APIs has for it."""
    fields = request.fields()
    found = [fields[name] for name in ("StatusCallback", "callback", "webhook_url") if name in fields]
    return found[0][0] if isinstance(found[0], list) else found[0]


def target_of(callback):
    """Path and query of one of ours."""
    if not callback.startswith(f"{PUBLIC_URL}/webhooks/sms/"):
        raise RuntimeError(f"{callback} does not lead to the server")
    return callback[len(PUBLIC_URL):]


class Diverted(requests.adapters.HTTPAdapter):
    """Takes requests to a carrier to the recorder."""

    def __init__(self, recorder, meant):
        super().__init__()
        self.recorder, self.meant = recorder, meant

    def send(self, request, **more):
        parts = urllib.parse.urlsplit(request.url)
        self.meant.append(f"{parts.scheme}://{parts.netloc}")
        request.url = self.recorder.url + request.url[len(self.meant[-1]):]
        return super().send(request, **more)


class Outbound:
    def __init__(self, server, table, customers, recorder):
        self.server, self.table, self.customers, self.recorder = server, table, customers, recorder
        self.meant = []
        http = TwilioHttpClient()
        http.session.mount("https://", Diverted(recorder, self.meant))
        self.twilio = Client(inbound_twilio.ACCOUNT, inbound_twilio.TOKEN, http_client=http)
        self.telnyx = telnyx.Telnyx(api_key=inbound_telnyx.API_KEY, base_url=f"{recorder.url}/v2", max_retries=0)
        self.vonage = Vonage(Auth(api_key=inbound_vonage.API_KEY, api_secret=inbound_vonage.API_SECRET))
        self.vonage.http_client._session.mount("https://", Diverted(recorder, self.meant))

    def ask_server(self, ours, customer, text, media):
        """Returns our id of the message and what the server asked of the carrier."""
        sent = self.server.api("POST", "/sms/send", {
            "from_phone_number": ours, "to_phone_number": customer, "message": text, "media_urls": media, "queue": False})
        if sent["status"] != "sent":
            raise RuntimeError(f"the server did not send {text!r}: {sent}")
        recorded = self.recorder.only()
        if sent["provider_message_id"] != recorded.id:
            raise RuntimeError(f"the server took {sent['provider_message_id']} for the carrier's id, not {recorded.id}")
        return sent["message_id"], recorded

    def compare(self, case, ours, text, media, library, host):
        """library(customer, our id, callback URL) sends the same by the library. The URL is taken from the server: where it
        leads is ours to say, and receipts() calls it."""
        customer = self.customers.next()
        job, by_server = self.ask_server(ours, customer, text, media)
        callback = callback_of(by_server)
        self.meant.clear()
        library(customer, job, callback)
        by_library = self.recorder.only()
        asks = by_server.asks()
        wrong = [f"{what}: the library {wanted!r}, the server {asks[what]!r}"
                 for what, wanted in by_library.asks().items() if wanted != asks[what]]
        if self.meant != host:
            wrong.append(f"the library asks {self.meant}, which the server does not by default")
        target = f"{by_library.method} {by_library.target}"
        self.table.holds(f"send, {case}", "; ".join(wrong) or None, target, "the same" if not wrong else "another")
        return customer, job, by_server

    def by_twilio(self):
        def case(name, text, media=(), ours=inbound_twilio.OUR_NUMBER, service=None):
            sender = {"messaging_service_sid": service} if service else {"from_": ours}
            optional = {**({"body": text} if text else {}), **({"media_url": list(media)} if media else {})}

            def library(customer, _, callback):
                self.twilio.messages.create(to=customer, status_callback=callback, **sender, **optional)

            return self.compare(f"twilio: {name}", ours, text, list(media), library, ["https://api.twilio.com"])

        for name, text, _ in TEXTS:
            case(name, text)
        case("a message with a file", "look", ONE)
        case("a message with two files", "look", TWO)
        case("a file without text", "", ONE)
        case("a message from a short code", "short", ours=SHORT_CODE)
        case("a message from a messaging service", "pooled", ours=SERVICE_NUMBER, service=SERVICE)

    def by_telnyx(self):
        def case(name, text, media=()):
            optional = {**({"text": text} if text else {}), **({"media_urls": list(media)} if media else {})}

            def library(customer, _, callback):
                # The last one, or each receipt comes twice: to this URL and to the profile's.
                self.telnyx.messages.send(to=customer, from_=inbound_telnyx.OUR_NUMBER, webhook_url=callback,
                                          use_profile_webhooks=False, **optional)

            return self.compare(f"telnyx: {name}", inbound_telnyx.OUR_NUMBER, text, list(media), library, [])

        for name, text, _ in TEXTS:
            case(name, text)
        case("a message with a file", "look", ONE)
        case("a message with two files", "look", TWO)
        case("a file without text", "", ONE)

    def by_vonage(self):
        ours = inbound_vonage.OUR_NUMBER

        def text_case(name, text, unicode, ours=ours):
            def library(customer, job, callback):
                self.vonage.sms.send(SmsMessage(
                    to=customer[1:], from_=ours.lstrip("+"), text=text, client_ref=job, callback=callback,
                    type="unicode" if unicode else None))

            return self.compare(f"vonage: {name}", ours, text, [], library, ["https://rest.nexmo.com"])

        def file_case(name, text, url, model, kind):
            def library(customer, job, callback):
                resource = MmsResource(url=url, caption=text or None)
                self.vonage.messages.send(model(
                    to=customer[1:], from_=ours[1:], client_ref=job, webhook_url=callback, **{kind: resource}))

            return self.compare(f"vonage: {name}", ours, text, [url], library, ["https://api.nexmo.com"])

        for name, text, unicode in TEXTS:
            text_case(name, text, unicode)
        text_case("a message from a name", "named", False, SENDER_NAME)
        file_case("a message with a picture", "look", ONE[0], MmsImage, "image")
        file_case("a picture without text", "", TWO[0], MmsImage, "image")
        file_case("a card", "Café 👍", "https://example.com/me.VCF?x=1", MmsVcard, "vcard")
        file_case("a sound", "", "https://example.com/a.mp3", MmsAudio, "audio")
        file_case("a film", "look", "https://example.com/a.mp4", MmsVideo, "video")

    def receipts(self, twilio, telnyx_, vonage, method):
        """The callback URL that the server gave is called as the carrier does, signed by its library."""
        def told(case, job, status, expected):
            answer = self.server.api("GET", f"/sms/{job}/status")
            kept = (status, answer["delivery_status"])
            self.table.holds(f"receipt, {case}", None if kept == (200, expected) else f"{kept!r}", expected, str(kept[1]))

        customer = self.customers.next()
        job, request = self.ask_server(inbound_twilio.OUR_NUMBER, customer, "Hello", [])
        callback = callback_of(request)
        for state, expected in (("sent", "sent"), ("delivered", "delivered"), ("sending", "delivered")):
            pairs = [("SmsSid", request.id), ("SmsStatus", state), ("MessageStatus", state), ("To", customer),
                     ("MessageSid", request.id), ("AccountSid", inbound_twilio.ACCOUNT), ("From", inbound_twilio.OUR_NUMBER),
                     ("ApiVersion", "2010-04-01")] + ([("RawDlrDoneDate", "2601010000")] if state == "delivered" else [])
            status = twilio.judge(f"a status callback: {state}", None, pairs, signature=inbound_twilio.sign(callback, pairs),
                                  target=target_of(callback))
            told(f"twilio: told {state}", job, status, expected)
        job, request = self.ask_server(inbound_twilio.OUR_NUMBER, customer, "Hello again", [])
        callback = callback_of(request)
        pairs = [("MessageSid", request.id), ("MessageStatus", "undelivered"), ("ErrorCode", "30003"), ("To", customer),
                 ("AccountSid", inbound_twilio.ACCOUNT), ("From", inbound_twilio.OUR_NUMBER)]
        forged = [("MessageStatus", "delivered") if pair[0] == "MessageStatus" else pair for pair in pairs]
        twilio.judge("a status callback, changed", None, forged, signature=inbound_twilio.sign(callback, pairs),
                     target=target_of(callback))
        told("twilio: a forged one changes nothing", job, 200, "queued")
        called = PUBLIC_URL + inbound_twilio.PATH
        status = twilio.judge("a status callback by GET", None, pairs, method="GET",
                              signature=inbound_twilio.sign(f"{called}?{urllib.parse.urlencode(pairs)}", []))
        told("twilio: undelivered, by GET", job, status, "undelivered")

        job, request = self.ask_server(inbound_telnyx.OUR_NUMBER, customer, "Hello", [])
        callback = callback_of(request)
        for event, state, expected in (("message.sent", "sent", "sent"), ("message.finalized", "delivered", "delivered")):
            body = json.dumps(telnyx_.receipt(request.id, customer, state, event)).encode()
            headers = {"Content-Type": "application/json", **telnyx_.signed(body)}
            said = telnyx_.verdicts(body, headers)
            status, _ = self.server.call("POST", target_of(callback), headers, body)
            self.table.verdicts(f"telnyx: a receipt: {state}", said, status)
            told(f"telnyx: {state}", job, status, expected)

        rows = [("form", "accepted", "sent"), ("GET", "delivered", "delivered"), ("JSON", "expired", "undelivered")]
        for how, state, expected in rows:
            job, request = self.ask_server(inbound_vonage.OUR_NUMBER, customer, f"Hello by {how}", [])
            fields = request.fields()
            params = {"msisdn": customer[1:], "to": inbound_vonage.OUR_NUMBER[1:], "network-code": "310260",
                      "messageId": request.id, "price": "0.00845000", "status": state, "scts": "2601010000", "err-code": "0",
                      "api-key": inbound_vonage.API_KEY, "client-ref": fields["client-ref"][0],
                      "message-timestamp": "2026-01-01 00:00:00", "timestamp": str(int(time.time()))}
            params["sig"] = inbound_vonage.sign(method, params).upper()
            # Whether Vonage keeps our query when it adds its own to a GET, and signs it then, its documents do not say.
            path = target_of(callback_of(request))
            status = vonage.send(params, how, path.split("?")[0] if how == "GET" else path)
            said = {"vonage": inbound_vonage.verdict(method, params)}
            self.table.verdicts(f"vonage {method}: a receipt by {how}", said, status)
            told(f"vonage: {state}, by {how}", job, status, expected)
        for signs_ours in (True, False):
            job, request = self.ask_server(inbound_vonage.OUR_NUMBER, customer, "Hello", [])
            params = {"msisdn": customer[1:], "to": inbound_vonage.OUR_NUMBER[1:], "messageId": request.id, "status": "delivered",
                      "err-code": "0", "api-key": inbound_vonage.API_KEY, "timestamp": str(int(time.time()))}
            signed = {**params, "job": job} if signs_ours else params
            query = urllib.parse.urlencode({"job": job, **params, "sig": inbound_vonage.sign(method, signed)})
            status, _ = self.server.call("GET", f"{inbound_vonage.PATH}?{query}")
            told(f"vonage: GET with our query, {'signed too' if signs_ours else 'not signed'}", job, status, "delivered")

        job, request = self.ask_server(inbound_vonage.OUR_NUMBER, customer, "look", ONE)
        error = {"type": "https://developer.vonage.com/api-errors/messages#1210", "title": 1210, "detail": "x", "instance": "y"}
        said = {"message_uuid": request.id, "to": customer[1:], "from": inbound_vonage.OUR_NUMBER[1:], "channel": "mms",
                "timestamp": "2026-01-01T00:00:00Z", "status": "rejected", "client_ref": request.fields()["client_ref"],
                "error": error}
        body = json.dumps(said).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {vonage.token(body)}"}
        status, _ = self.server.call("POST", target_of(callback_of(request)), headers, body)
        told("vonage: rejected, by token", job, status, "undelivered")

    def long_callback(self):
        """A server whose public URL is longer: would the library send the callback that it gives Vonage?"""
        customer = self.customers.next()
        job, request = self.ask_server(inbound_vonage.OUR_NUMBER, customer, "Hello", [])
        callback = request.fields().get("callback", [None])[0]  # none is as good
        try:
            SmsMessage(to=customer[1:], from_="1", text="Hello", callback=callback)
            takes = True
        except ValidationError:
            takes = False
        self.table.verdicts("send, vonage: a callback URL below a long public_url", {"vonage": takes}, 200)
