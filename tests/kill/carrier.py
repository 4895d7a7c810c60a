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
        status = int(lines[0].split()[1])
        if headers.get("transfer-encoding") == "chunked":
            return status, self._chunks()
        return status, self._take(int(headers.get("content-length", 0)))

    def _chunks(self):
        """A body of chunks, up to its last one: an answer that is cut before that raises."""
        body = []
        while True:
            while b"\r\n" not in self.rest:
                self._more()
            size, _, self.rest = self.rest.partition(b"\r\n")
            piece = self._take(int(size.split(b";")[0], 16) + 2)[:-2]
            if not piece:
                return b"".join(body)
            body.append(piece)

    def _take(self, length):
        if len(self.rest) < length:
            pieces, have = [self.rest], len(self.rest)
            while have < length:
                self.rest = b""
                self._more()
                pieces.append(self.rest)
                have += len(self.rest)
            self.rest = b"".join(pieces)
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

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

    def call(self, method, path, body=b"", media_type="application/json"):
        """Any request; returns the answer's status and body."""
        head = f"{method} {path} HTTP/1.1\r\n{self.head}"
        if body:
            head += f"content-type: {media_type}\r\n"
        if body or method in ("POST", "PUT", "PATCH"):
            head += f"content-length: {len(body)}\r\n"
        return self.connection.roundtrip(head.encode() + b"\r\n" + body)

    def get(self, path):
        return self._json("GET", path)

    def post(self, path, value):
        return self._json("POST", path, json.dumps(value).encode())

    def patch(self, path, value):
        return self._json("PATCH", path, json.dumps(value).encode())

    def delete(self, path):
        return self._json("DELETE", path)

    def import_lines(self, lines):
        """Imports records; returns the last line of the answer, with the sums."""
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        status, answer = self.call("POST", "/api/v1/import", body, "application/x-ndjson")
        if status != 200:
            raise RuntimeError(f"an import was answered {status}: {answer[:200]!r}")
        return json.loads(answer.splitlines()[-1])

    def _json(self, method, path, body=b""):
        status, answer = self.call(method, path, body)
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path} was answered {status}: {answer[:200]!r}")
        return json.loads(answer)
