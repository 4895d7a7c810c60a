"""Vonage: the SMS API's parameters signed in each of its ways, and the Messages API's tokens.

The library cannot do the oldest way, a plain MD5 over parameters and secret: that one is done here as Vonage's "Signing
messages" page says.
"""

import hashlib
import json
import time
import urllib.parse
import uuid

import jwt
from server import wrong_about
from vonage import Auth
from vonage_jwt import VonageVerifyJwtError, verify_signature

OUR_NUMBER = "+15551230003"
API_KEY, API_SECRET = "abcd1234", "a-vonage-secret"
SIGNATURE_SECRET = "a-signature-secret-of-the-sdk-script-" + "0123456789" * 3  # PyJWT warns of short ones
PATH = "/webhooks/sms/vonage"
METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")
FORM = "application/x-www-form-urlencoded"


def md5_hash(params, secret):
    """`&name=value` of each parameter by name, separators within a value as `_`, then the secret."""
    base = "".join(f"&{name}={str(params[name]).replace('&', '_').replace('=', '_')}" for name in sorted(params))
    return hashlib.md5((base + secret).encode()).hexdigest()


def auth(method, secret=SIGNATURE_SECRET):
    return Auth(api_key=API_KEY, api_secret=API_SECRET, signature_secret=secret, signature_method=method)


def sign(method, params, secret=SIGNATURE_SECRET):
    if method == "md5hash":
        return md5_hash(params, secret)
    return auth(method, secret).sign_params(dict(params))


def verdict(method, params):
    if method == "md5hash":
        rest = {name: value for name, value in params.items() if name != "sig"}
        return params.get("sig", "").lower() == md5_hash(rest, SIGNATURE_SECRET)
    try:
        return auth(method).check_signature(dict(params))
    except TypeError:
        return False  # of a signature with letters beyond ASCII


def library_cannot_hash():
    """None as long as the library cannot do the plain hash that its own documentation describes."""
    try:
        Auth(api_key=API_KEY, signature_secret=SIGNATURE_SECRET, signature_method=None)
    except TypeError:
        return None
    return "it can now: take its signature instead of our own"


class Inbound:
    def __init__(self, server, table, customers):
        self.server, self.table, self.customers = server, table, customers
        self.count = 0

    def message(self, customer, text, **more):
        self.count += 1
        now = time.time()
        return {
            "msisdn": customer[1:], "to": OUR_NUMBER[1:], "messageId": f"0A{self.count:014X}", "text": text, "type": "text",
            "keyword": text.split(" ")[0].upper() or "X",
            "message-timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)), "api-key": API_KEY,
            "timestamp": str(int(now)), "nonce": str(uuid.uuid4()), **more}

    def send(self, params, how="form", target=PATH):
        encoded = urllib.parse.urlencode(params)
        if how == "GET":
            return self.server.call("GET", f"{target}?{encoded}")[0]
        if how == "JSON":
            return self.server.call("POST", target, {"Content-Type": "application/json"}, json.dumps(params).encode())[0]
        return self.server.call("POST", target, {"Content-Type": f"{FORM}; charset=UTF-8"}, encoded.encode())[0]

    def judge(self, method, case, customer, params, how="form", text=None, target=PATH):
        said = {"vonage" if method != "md5hash" else "documents": verdict(method, params)}
        status = self.send(params, how, target)
        self.table.verdicts(f"vonage {method}: {case}", said, status, wrong_about(self.server, customer, status, text))

    def signed(self, method):
        """Everything about one method, by a server that is set to it."""
        def case(name, text="Can I reschedule?", how="form", shown=str, secret=SIGNATURE_SECRET, by=method,
                 change=lambda params: params, target=PATH, honest=True, **more):
            customer = self.customers.next()
            params = self.message(customer, text, **more)
            params["sig"] = shown(sign(by, params, secret))
            changed = change(dict(params))
            honest = honest and changed == params and by == method and secret == SIGNATURE_SECRET
            self.judge(method, name, customer, changed, how, text if honest else None, target)

        def without(name):
            return lambda params: {key: value for key, value in params.items() if key != name}

        upper, odd = str.upper, "Café € 👍🏽 a&b=c; 1+1=2 %26 你好\n"
        for how in ("form", "JSON", "GET"):
            case(f"a message, {how}", how=how, shown=upper)
            case(f"a message with anything in it, {how}", odd, how)
            case(f"another text, {how}", how=how, change=lambda params: {**params, "text": "Can I not?"})
        case("a signature in lower case", "lower", shown=str.lower)
        case("parameters that nobody knows yet", "unknown", **{"x-new": "ü", "Zz": "1", "country-code": "US"})
        case("an empty parameter", "empty", **{"client-ref": ""})
        case("an old path", "old", target="/vonage-sms-webhook")
        case("a separator for the one it is signed as", "a_b", change=lambda params: {**params, "text": "a=b"})
        case("another sender", change=lambda params: {**params, "msisdn": "14155559999"})
        case("another time than was signed", change=lambda params: {**params, "timestamp": str(int(params["timestamp"]) - 7)})
        case("a parameter more", change=lambda params: {**params, "status": "delivered"})
        case("a parameter less", change=without("keyword"))
        case("no signature", change=without("sig"))
        case("an empty signature", change=lambda params: {**params, "sig": ""})
        case("a signature cut short", change=lambda params: {**params, "sig": params["sig"][:-1]})
        case("another secret", secret="another-secret")
        for other in METHODS:
            if other != method:
                case(f"signed by {other}", by=other)
        if method == "md5hash":
            return
        case("signed four minutes ago", "late", timestamp=str(int(time.time()) - 240))
        case("signed ten minutes ago", honest=False, timestamp=str(int(time.time()) - 600))
        case("signed for ten minutes from now", honest=False, timestamp=str(int(time.time()) + 600))
        case("a parameter's name with a separator", honest=False, **{"a&b": "1"})
        customer = self.customers.next()
        numbers = self.message(customer, "numbers", timestamp=int(time.time()), parts=3)
        numbers["sig"] = sign(method, numbers)
        self.judge(method, "numbers that are numbers in JSON", customer, numbers, "JSON", "numbers")

    def random(self, rng, method, count):
        letters = "aAzZ09_-. +%&=?#/\"'\n\réßΩ你😀\u0301"
        takes = differs = 0
        for _ in range(count):
            params = self.message("+14155550000", "x")
            for _ in range(rng.randrange(6)):
                name = "".join(rng.choice("abzAZ-_09é") for _ in range(rng.randrange(1, 6)))
                params[name] = "".join(rng.choice(letters) for _ in range(rng.randrange(1, 12)))
            params["sig"] = sign(method, params)
            name = rng.choice(list(params))
            change = rng.randrange(4)
            if change == 1 and name != "timestamp":
                params[name] += rng.choice(letters)
            elif change == 2 and name not in ("timestamp", "sig"):
                del params[name]
            elif change == 3:
                params[name] = params[name].replace("&", "_")
            said = verdict(method, params)
            status = self.send(params, rng.choice(["form", "JSON", "GET"]))
            takes += said
            if (status == 200) != said or status not in (200, 403):
                differs += 1
                print(f"vonage: the library {said}, the server {status}: {params!r}")
        self.table.holds(f"vonage {method}: {count} random requests", f"{differs} differ" if differs else None,
                         f"vonage takes {takes}", f"takes {takes if not differs else '?'}")

    def token(self, body, secret=SIGNATURE_SECRET, algorithm="HS256", **claims):
        """As Vonage makes them; a claim that is None is left out."""
        now = int(time.time())
        made = {"iat": now - 1, "jti": str(uuid.uuid4()), "iss": "Vonage", "payload_hash": hashlib.sha256(body).hexdigest(),
                "api_key": API_KEY, "application_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab", **claims}
        return jwt.encode({name: value for name, value in made.items() if value is not None}, secret, algorithm)

    def by_token(self, case, customer, body, token, text=None, media=(), scheme="Bearer"):
        try:
            said = token is not None and verify_signature(token, SIGNATURE_SECRET)
        except VonageVerifyJwtError:
            said = False
        headers = {"Content-Type": "application/json", "User-Agent": "Vonage-API-Webhook"}
        if token is not None:
            headers["Authorization"] = f"{scheme} {token}"
        status, _ = self.server.call("POST", PATH, headers, body)
        self.table.verdicts(f"vonage token: {case}", {"vonage": said}, status,
                            wrong_about(self.server, customer, status, text, media))

    def tokens(self):
        """The Messages API, which has its one way whatever the SMS API is set to."""
        def text_message(customer, text):
            return {"channel": "sms", "message_uuid": str(uuid.uuid4()), "to": OUR_NUMBER[1:], "from": customer[1:],
                    "timestamp": "2026-01-01T00:00:00Z", "message_type": "text", "text": text, "sms": {"num_messages": "2"},
                    "usage": {"price": "0.0333", "currency": "EUR"}, "origin": {"network_code": "23415"}}

        def written(value):
            return json.dumps(value, ensure_ascii=False).encode()

        def taken(name, value, text, media=(), **more):
            body = written(value)
            self.by_token(name, customer, body, self.token(body, **more), text, media)

        customer = self.customers.next()
        taken("a message", text_message(customer, "Can I reschedule?"), "Can I reschedule?")
        customer = self.customers.next()
        taken("a message in UTF-8 with emoji", text_message(customer, "Café 👍🏽 a&b=c"), "Café 👍🏽 a&b=c")
        customer = self.customers.next()
        picture = {**text_message(customer, ""), "channel": "mms", "message_type": "image",
                   "image": {"url": "https://api.vonage.example/v3/media/1?x=1&y=ü", "name": "1.jpg", "caption": "look"}}
        del picture["text"]
        taken("a message with a file", picture, "look", ["https://api.vonage.example/v3/media/1?x=1&y=ü"])
        customer = self.customers.next()
        old = {"message_uuid": str(uuid.uuid4()), "to": {"type": "sms", "number": OUR_NUMBER[1:]},
               "from": {"type": "sms", "number": customer[1:]}, "timestamp": "2026-01-01T00:00:00.000Z", "direction": "inbound",
               "message": {"content": {"type": "text", "text": "old"}, "sms": {"num_messages": "1"}}}
        taken("a message of version 0.1", old, "old")
        customer = self.customers.next()
        body = written(text_message(customer, "the hash in capitals"))
        self.by_token("the hash in capitals", customer, body,
                      self.token(body, payload_hash=hashlib.sha256(body).hexdigest().upper()), "the hash in capitals")
        customer = self.customers.next()
        body = written(text_message(customer, "bearer"))
        self.by_token("the scheme in lower case", customer, body, self.token(body), "bearer", scheme="bearer")
        now = int(time.time())
        customer = self.customers.next()
        body = written(text_message(customer, "ahead"))
        self.by_token("a clock that is a minute ahead", customer, body, self.token(body, iat=now + 60), "ahead")
        customer = self.customers.next()
        body = written(text_message(customer, "an end"))
        self.by_token("one that has an end", customer, body, self.token(body, exp=now + 60), "an end")

        customer = self.customers.next()
        body = written(text_message(customer, "never kept"))
        right = self.token(body)
        rows = [
            ("another body", self.token(body + b" ")),
            ("no hash of the body", self.token(body, payload_hash=None)),
            ("another secret", self.token(body, secret=SIGNATURE_SECRET[::-1])),
            ("another issuer", self.token(body, iss="Nexmo")),
            ("no issuer", self.token(body, iss=None)),
            ("another account", self.token(body, api_key="ffff9999")),
            ("signed ten minutes ago", self.token(body, iat=now - 600)),
            ("signed for ten minutes from now", self.token(body, iat=now + 600)),
            ("one that has ended", self.token(body, exp=now - 1)),
            ("HS512", self.token(body, algorithm="HS512")),
            ("no algorithm", self.token(body, algorithm="none", secret=None)),
            ("no signature", right.rsplit(".", 1)[0] + "."),
            ("cut short", right[:-2]),
            ("claims of another", ".".join([right.split(".")[0], self.token(body, jti="x").split(".")[1], right.split(".")[2]])),
            ("no token", None),
            ("no JWT", "abc"),
        ]
        for case, token in rows:
            self.by_token(case, customer, body, token)
