"""The carrier's side: signed Twilio webhooks, and HTTP/1.1 on one kept connection.

Sockets by hand, because the standard library's client takes longer over a request than the server does.
"""

import base64
import hashlib
import hmac
import json
import socket
import urllib.parse

OUR_NUMBER = "+15551234567"
WEBHOOK_PATH = "/webhooks/sms/twilio"


def sign(token, url, params):
    """Twilio's X-Twilio-Signature: HMAC-SHA1 over the URL and the parameters by name."""
    text = url + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


def webhook(server, token, sid, customer):
    """An inbound message, whole as it goes over the wire. Its text is its MessageSid."""
    params = {
        "ToCountry": "US", "ToState": "CA", "SmsMessageSid": sid, "NumMedia": "0", "ToCity": "", "FromZip": "94103",
        "SmsSid": sid, "FromState": "CA", "SmsStatus": "received", "FromCity": "SAN FRANCISCO", "Body": sid,
        "FromCountry": "US", "To": OUR_NUMBER, "ToZip": "", "NumSegments": "1", "MessageSid": sid,
        "AccountSid": "AC00000000000000000000000000000000", "From": customer, "ApiVersion": "2010-04-01",
    }
    body = urllib.parse.urlencode(params).encode()
    url = f"http://{server.host}:{server.port}{WEBHOOK_PATH}"
    head = (
        f"POST {WEBHOOK_PATH} HTTP/1.1\r\nhost: {server.host}:{server.port}\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n"
        f"x-twilio-signature: {sign(token, url, params)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One kept connection. Raises OSError when the other side is gone."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def roundtrip(self, request):
        """Sends a request, returns the answer's status and body."""
        self.socket.sendall(request)
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        if "content-length" in headers:
            return int(lines[0].split()[1]), self._take(int(headers["content-length"]))
        body = b""
        while length := int(self._line(), 16):
            body += self._take(length)
            self._line()
        self._line()
        return int(lines[0].split()[1]), body

    def _take(self, length):
        while len(self.rest) < length:
            self._more()
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

    def _line(self):
        while b"\r\n" not in self.rest:
            self._more()
        line, _, self.rest = self.rest.partition(b"\r\n")
        return line

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionResetError("the server closed the connection")
        self.rest += piece


class Api:
    """The JSON API for one key."""

    def __init__(self, host, port, key):
        self.connection = Connection(host, port)
        self.head = f"host: {host}:{port}\r\nauthorization: Bearer {key}\r\n"

    def get(self, path):
        return self._call(f"GET {path} HTTP/1.1\r\n{self.head}\r\n".encode(), path)

    def post(self, path, value):
        body = json.dumps(value).encode()
        head = f"POST {path} HTTP/1.1\r\n{self.head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        return self._call(head.encode() + body, path)

    def _call(self, request, path):
        status, body = self.connection.roundtrip(request)
        if status not in (200, 201):
            raise RuntimeError(f"{path} was answered {status}: {body[:200]!r}")
        return json.loads(body)
