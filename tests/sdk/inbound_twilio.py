"""Twilio: its RequestValidator signs, the server and the same validator judge."""

import base64
import hashlib
import json
import logging
import urllib.parse

from server import wrong_about
from twilio.request_validator import RequestValidator, get_signature_algorithm

OUR_NUMBER = "+15551230001"
ACCOUNT, TOKEN, SHARED_KEY = "AC" + "a" * 32, "a-twilio-token-of-the-sdk-script", "a-shared-key-of-the-sdk-script"
PUBLIC_URL, PATH = "https://sms.example.com", "/webhooks/sms/twilio"
logging.getLogger("twilio").setLevel(logging.ERROR)  # it warns of each algorithm that it does not know
FORM = "application/x-www-form-urlencoded"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"


class Params:
    """Parameters of which one may come twice, as web frameworks hand them to the library."""

    def __init__(self, pairs):
        self.values = {}
        for name, value in pairs:
            self.values.setdefault(name, []).append(value)

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)

    def getall(self, name):
        return self.values[name]


def sign(url, pairs, secret=TOKEN, algorithm=None):
    return RequestValidator(secret).compute_signature(url, Params(pairs), algorithm)


def verdict(url, params, signature, settings):
    """What the library says of a request, used as its documentation asks."""
    if signature is None:
        return False  # Twilio's own middleware refuses it before it asks.
    algorithm = get_signature_algorithm(settings)
    named = "algorithm" in (settings or "")
    try:
        return RequestValidator(SHARED_KEY if named else TOKEN).validate(url, params, signature, algorithm)
    except TypeError:
        return False  # of a body that is no form and has no hash in the URL


class Inbound:
    def __init__(self, server, table, customers):
        self.server, self.table, self.customers = server, table, customers
        self.count = 0

    def message(self, customer, body, **more):
        """An inbound message's parameters, in no order."""
        self.count += 1
        sid = f"SM{self.count:032x}"
        pairs = {
            "ToCountry": "US", "ToState": "", "SmsMessageSid": sid, "NumMedia": "0", "ToCity": "", "FromZip": "94103",
            "SmsSid": sid, "FromState": "CA", "SmsStatus": "received", "FromCity": "SAN FRANCISCO", "Body": body,
            "FromCountry": "US", "To": OUR_NUMBER, "ToZip": "", "NumSegments": "1", "MessageSid": sid,
            "AccountSid": ACCOUNT, "From": customer, "ApiVersion": "2010-04-01", **more,
        }
        return list(pairs.items())

    def judge(self, case, customer, pairs, *, signature, method="POST", target=PATH, text=None, media=(), settings=None,
              body=None, content_type=FORM, base=PUBLIC_URL, headers=()):
        """Sends what was signed elsewhere, and asks the library about what is sent."""
        headers = dict(headers)
        if signature is not None:
            headers["X-Twilio-Signature"] = signature
        if settings is not None:
            headers[SETTINGS_HEADER] = settings
        params = Params(pairs)
        if method == "GET":
            target, params, raw = f"{target}?{urllib.parse.urlencode(pairs)}", Params([]), b""
        else:
            headers["Content-Type"] = content_type
            raw = urllib.parse.urlencode(pairs).encode() if body is None else body
            params = params if content_type == FORM else raw.decode()
        said = verdict(base + target, params, signature, settings)
        status, answer = self.server.call(method, target, headers, raw)
        wrong = wrong_about(self.server, customer, status, text, media)
        if status == 200 and answer != b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>':
            wrong = f"answered with {answer[:60]!r}"
        self.table.verdicts(f"twilio: {case}", {"twilio": said}, status, wrong)
        return status

    def honest(self, case, text="Can I reschedule?", *, method="POST", target=PATH, media=(), base=PUBLIC_URL, headers=(),
               signed_base=None, **more):
        customer = self.customers.next()
        pairs = self.message(customer, text, **more)
        url = (signed_base or base) + target
        if method == "GET":
            signature = sign(f"{url}?{urllib.parse.urlencode(pairs)}", [])
        else:
            signature = sign(url, pairs)
        self.judge(case, customer, pairs, signature=signature, method=method, target=target, text=text, media=media, base=base,
                   headers=headers)
        return pairs

    def taken(self):
        self.honest("a message")
        self.honest("a message in UTF-8 with emoji", "Café € déjà vu 👍🏽 – 你好, Ωμέγα")
        self.honest("a message with separators", "a&b=c %26 1+1=2; 100% <b>\"'\\")
        self.honest("a message with line breaks and blanks at its ends", "  first\r\nsecond\n\n ")
        self.honest("a message without text", "")
        self.honest("a message with a combining character, not composed", "e\u0301 \u200b\ufeff")
        media = ["https://api.twilio.com/2010-04-01/Accounts/AC1/Media/ME1", "https://api.twilio.com/media/é?x=1&y=2"]
        self.honest("a message with two files", "look", media=media, NumMedia="2", MediaUrl0=media[0], MediaUrl1=media[1],
                    MediaContentType0="image/jpeg", MediaContentType1="image/png", MessageSid="MM" + "1" * 32)
        self.honest("parameters that nobody knows yet", ChannelMetadata='{"type":"x"}', Ünknown="ß", AddOns="{}")
        self.honest("GET", "By GET: a&b=c €👍", method="GET")
        self.honest("an old path with a query", target="/twilio-sms-webhook?tenant=a%20b&x=%C3%A9")
        self.honest("a path with a slash at its end", target=PATH + "/")
        self.honest("signed with the scheme's own port", signed_base=PUBLIC_URL + ":443")
        twice = self.honest("a message that is sent again", "only once")
        self.again(twice)

    def again(self, pairs):
        """Retries have the same signature: there is no time in it."""
        status, _ = self.server.call("POST", PATH, {"Content-Type": FORM, "X-Twilio-Signature": sign(PUBLIC_URL + PATH, pairs)},
                                     urllib.parse.urlencode(pairs).encode())
        said = self.server.said_by(dict(pairs)["From"])
        self.table.holds("twilio: a retry makes nothing new",
                         None if (status, said) == (200, [("user", "only once")]) else f"{status}, {said!r}")

    def repeated(self):
        customer = self.customers.next()
        pairs = self.message(customer, "twice") + [("Tag", "b"), ("Tag", "a"), ("Tag", "b"), ("tag", "c")]
        self.judge("a parameter with two values", customer, pairs, signature=sign(PUBLIC_URL + PATH, pairs), text="twice")

    def json_events(self):
        """Twilio's events in JSON: of no message, so they are taken and kept for the audit."""
        body = json.dumps({"MessageSid": "SM1", "text": "Café 👍"}, ensure_ascii=False).encode()
        digest = hashlib.sha256(body).hexdigest()
        rows = [
            ("JSON with its hash", body, f"bodySHA256={digest}", 200),
            ("JSON with its hash among others", body, f"a=%C3%A9&bodySHA256={digest}&b=", 200),
            ("JSON of another hash", body + b" ", f"bodySHA256={digest}", 403),
            ("JSON with its hash in upper case", body, f"bodySHA256={digest.upper()}", 403),
            ("JSON with an empty hash", body, "bodySHA256=", 403),
            ("JSON without a hash", body, "a=1", 403),
        ]
        for case, sent, query, expected in rows:
            target = f"{PATH}?{query}"
            status = self.judge(case, None, [], signature=sign(PUBLIC_URL + target, []), target=target, body=sent,
                                content_type="application/json")
            self.table.holds(f"twilio: {case}, as expected", None if status == expected else f"answered {status}")

    def shared_keys(self):
        key = "key=webhooks_sharedkey_01"
        rows = [
            (True, "a shared key, SHA-256", SHARED_KEY, "HMAC_SHA256", f"{key},algorithm=HMAC_SHA256"),
            (True, "a shared key, SHA-1", SHARED_KEY, "HMAC_SHA1", f"{key},algorithm=HMAC_SHA1"),
            (True, "a shared key, with blanks and in lower case", SHARED_KEY, "HMAC_SHA256", f"{key}, algorithm = hmac_sha256 "),
            (True, "the token, settings without an algorithm", TOKEN, "HMAC_SHA1", key),
            (False, "a shared key, another algorithm than is named", SHARED_KEY, "HMAC_SHA1", f"{key},algorithm=HMAC_SHA256"),
            (False, "a shared key, an unknown algorithm", SHARED_KEY, "HMAC_SHA256", f"{key},algorithm=HMAC_SHA512"),
            (False, "the token where a shared key is named", TOKEN, "HMAC_SHA256", f"{key},algorithm=HMAC_SHA256"),
            (False, "a shared key, settings without an algorithm", SHARED_KEY, "HMAC_SHA1", key),
            (False, "a shared key, no settings", SHARED_KEY, "HMAC_SHA256", None),
        ]
        for honest, case, secret, algorithm, settings in rows:
            customer = self.customers.next()
            pairs = self.message(customer, case)
            signature = sign(PUBLIC_URL + PATH, pairs, secret, algorithm)
            self.judge(case, customer, pairs, signature=signature, settings=settings, text=case if honest else None)

    def tampered(self):
        url = PUBLIC_URL + PATH

        def case(name, change=lambda pairs: pairs, signature=lambda right: right, **more):
            customer = self.customers.next()
            pairs = self.message(customer, "Please call me  ")
            right = sign(more.pop("signed", url), pairs, more.pop("secret", TOKEN), more.pop("algorithm", None))
            # Read by its signature alone: what is kept of it is the customer's in no case.
            self.judge(name, customer, change(pairs), signature=signature(right), **more)

        def changed(name, value):
            return lambda pairs: [(key, value if key == name else old) for key, old in pairs]

        case("another text", changed("Body", "Please call him  "))
        case("another sender", changed("From", "+14155559999"))
        case("a text without the blanks at its end", changed("Body", "Please call me"))
        case("another case of a letter", changed("Body", "please call me  "))
        case("a parameter more", lambda pairs: pairs + [("Extra", "1")])
        case("a parameter less", lambda pairs: [pair for pair in pairs if pair[0] != "FromZip"])
        case("an empty parameter less", lambda pairs: [pair for pair in pairs if pair[0] != "ToCity"])
        case("a parameter's name in another case", lambda pairs: [
            ("body" if key == "Body" else key, value) for key, value in pairs])
        case("two parameters with each other's values", lambda pairs: [
            (key, {"From": OUR_NUMBER, "To": dict(pairs)["From"]}.get(key, value)) for key, value in pairs])
        case("another order", lambda pairs: pairs[::-1])
        case("a parameter twice with one value", lambda pairs: pairs + [("FromZip", "94103")])
        case("a name that took a letter from its value", lambda pairs: [
            ("FromZip9" if key == "FromZip" else key, "4103" if key == "FromZip" else value) for key, value in pairs])
        case("another token", secret="another-token")
        case("the account's id for the token", secret=ACCOUNT)
        case("SHA-256 with the token", algorithm="HMAC_SHA256")
        case("no signature", signature=lambda right: None)
        case("an empty signature", signature=lambda right: "")
        case("a signature in lower case", signature=str.lower)
        case("a signature without its padding", signature=lambda right: right.rstrip("="))
        case("a signature with one more byte", signature=lambda right: right + "A")
        case("a signature in hexadecimal", signature=lambda right: base64.b64decode(right).hex())
        case("signed for http", signed="http://sms.example.com" + PATH)
        case("signed for another host", signed="https://sms.example.org" + PATH)
        case("signed for another port", signed=PUBLIC_URL + ":8443" + PATH)
        case("signed for another path", signed=PUBLIC_URL + "/twilio-sms-webhook")
        case("signed for a slash at the end", signed=url + "/")
        case("signed with a query", signed=url + "?a=1")
        case("signed without the query", target=PATH + "?a=1")
        case("signed with a fragment", signed=url + "#rc=3")
        case("a query written in another way", signed=PUBLIC_URL + PATH + "?a=%C3%A9", target=PATH + "?a=%c3%a9")
        case("an empty query, signed", signed=url + "?", target=PATH + "?", text="Please call me  ")
        case("an empty query, not signed", target=PATH + "?")
        customer = self.customers.next()
        pairs = self.message(customer, "by GET")
        signature = sign(f"{url}?{urllib.parse.urlencode(pairs)}", [])
        self.judge("GET with another text", customer, changed("Body", "by get")(pairs), signature=signature, method="GET")
        self.judge("GET signed as a POST", customer, pairs, signature=sign(url, pairs), method="GET")
        self.judge("POST signed as a GET", customer, pairs, signature=signature)

    def random(self, rng, count):
        """Forms of anything, of which most were changed after they were signed."""
        letters = "aAbBzZ09_-.~ +%&=?#/\\\"'\t\n\réßñΩжא你😀\u200d\u0301\ufeff\U0010ffff"

        def word(most):
            return "".join(rng.choice(letters) for _ in range(rng.randrange(most + 1)))

        takes = differs = 0
        for _ in range(count):
            pairs = [(word(6) or "a", word(12)) for _ in range(rng.randrange(1, 12))]
            pairs += [(rng.choice(pairs)[0], word(4)) for _ in range(rng.randrange(3))]
            target = PATH + rng.choice(["", "?x=1", "?a=" + urllib.parse.quote(word(8))])
            signature = sign(PUBLIC_URL + rng.choice(["", ":443"]) + target, pairs)
            at = rng.randrange(len(pairs))
            name, value = pairs[at]
            change = rng.randrange(8)
            if change == 0:
                pairs[at] = (name, value + rng.choice(letters))
            elif change == 1:
                del pairs[at]
            elif change == 2:
                pairs[at] = (name + value[:1], value[1:])
            elif change == 3:
                pairs[at] = (name, value.strip())
            elif change == 4:
                pairs.append(pairs[at])
            elif change == 5:
                rng.shuffle(pairs)
            elif change == 6:
                target += rng.choice(["&y", "%20"]) if "?" in target else "?y"
            body = urllib.parse.urlencode(pairs).encode()
            said = verdict(PUBLIC_URL + target, Params(pairs), signature, None)
            status, _ = self.server.call("POST", target, {"Content-Type": FORM, "X-Twilio-Signature": signature}, body)
            takes += said
            if (status == 200) != said or status not in (200, 403):
                differs += 1
                print(f"twilio: the library {said}, the server {status}: {target} {pairs!r} {signature}")
        self.table.holds(f"twilio: {count} random forms", f"{differs} differ" if differs else None,
                         f"twilio takes {takes}", f"takes {takes if not differs else '?'}")

    def without_public_url(self):
        """The URL is then what the request says of itself, and what a trusted proxy says."""
        host = f"127.0.0.1:{self.server.port}"
        self.honest("the URL is the request's own", base=f"http://{host}")
        self.honest("the URL is the request's own, signed without its port", base=f"http://{host}",
                    signed_base="http://127.0.0.1")
        self.honest("the URL is the request's own, by name", base="http://sms.example.net", headers={"Host": "sms.example.net"})
        proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "sms.example.net", "X-Forwarded-For": "203.0.113.7"}
        self.honest("the URL is the proxy's", base="https://sms.example.net", headers=proxied)
        self.honest("the URL is the proxy's, GET", base="https://sms.example.net", headers=proxied, method="GET")
        customer = self.customers.next()
        pairs = self.message(customer, "a proxy that took https away")
        self.judge("signed for https, reached us as http", customer, pairs, base=f"http://{host}",
                   signature=sign(f"https://{host}{PATH}", pairs))
