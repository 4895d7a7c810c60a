"""A shop that reminds customers straight through a carrier, in the form that the carriers' own SDKs have. The base URL is a
setting, as it should be in an app that is tested."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request

# What goes to this machine goes by no proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotSent(Exception):
    pass


class ByTwilio:
    def __init__(self, account, sender, callback=None):
        self.account, self.sender, self.callback = account, sender, callback

    def send(self, to, text):
        fields = {"To": to, "From": self.sender, "Body": text}
        if self.callback:
            fields["StatusCallback"] = self.callback
        pair = f"{self.account.account_sid}:{self.account.auth_token}"
        return ask(
            f"{self.account.base_url}/2010-04-01/Accounts/{self.account.account_sid}/Messages.json",
            urllib.parse.urlencode(fields).encode(),
            {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"},
        )["sid"]


class ByTelnyx:
    def __init__(self, account, sender):
        self.account, self.sender = account, sender

    def send(self, to, text):
        body = json.dumps({"from": self.sender, "to": to, "text": text}).encode()
        headers = {"Authorization": f"Bearer {self.account.api_key}", "Content-Type": "application/json"}
        return ask(f"{self.account.base_url}/messages", body, headers)["data"]["id"]


class ByVonage:
    def __init__(self, account, sender):
        self.account, self.sender = account, sender

    def send(self, to, text):
        keys = {"api_key": self.account.api_key, "api_secret": self.account.api_secret}
        fields = {"from": self.sender.lstrip("+"), "to": to.lstrip("+"), "text": text, **keys}
        (message,) = ask(f"{self.account.base_url}/sms/json", urllib.parse.urlencode(fields).encode(), {})["messages"]
        if message["status"] != "0":
            raise NotSent(message["error-text"])
        return message["message-id"]


def ask(url, body, headers):
    try:
        with OPENER.open(urllib.request.Request(url, body, headers), timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise NotSent(error.read().decode()) from error


def remind(carrier, appointments):
    """Those that could not be reminded, and why."""
    failed = {}
    for customer, time in appointments.items():
        try:
            carrier.send(customer, f"See you at {time}. Reply STOP to hear no more.")
        except NotSent as error:
            failed[customer] = str(error)
    return failed
