"""A shop that customers write to: smslite tells it each message, and what it answers is sent back."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OPEN = {"when": "We open at 9", "where": "12 Main Street: https://shop.test/map"}


class Shop:
    def __init__(self):
        self.secret, self.told = None, []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"shop": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}/sms"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def is_signed(self, headers, body):
        """As Standard Webhooks has it."""
        key = base64.b64decode(self.secret.split("_", 1)[1])
        signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return expected in headers["webhook-signature"].split()

    def answer(self, event):
        message = event["data"]
        if message["message_id"] in self.told:
            return {}
        self.told.append(message["message_id"])
        found = [text for word, text in OPEN.items() if word in message["body"].lower()]
        return {"reply": found[0] if found else "Ask us when or where"}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self.shop.is_signed(self.headers, body):
            return self.reply(401, {})
        self.reply(200, self.shop.answer(json.loads(body)))

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
