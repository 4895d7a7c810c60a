"""Stands for all three carriers: notes what is asked of it, and answers as they do."""

import json
import threading
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Recorded:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body

    def media_type(self):
        return self.headers.get("content-type", "")

    def fields(self):
        """What the body says: of a form each name's values in their order, else JSON."""
        if self.media_type().split(";")[0] != "application/x-www-form-urlencoded":
            return json.loads(self.body)
        fields = {}
        for name, value in urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True):
            fields.setdefault(name, []).append(value)
        return fields

    def asks(self):
        """All that counts for a carrier."""
        return {"method": self.method, "target": self.target, "authorization": self.headers.get("authorization"),
                "content-type": self.media_type(), "accept": self.headers.get("accept"), "fields": self.fields()}


def answer(request):
    """Status, body and the carrier's id of the message."""
    path = urllib.parse.urlsplit(request.target).path
    if path.endswith("/Messages.json"):
        sid = f"SM{uuid.uuid4().hex}"
        said = {"sid": sid, "status": "queued", "num_segments": "1", "num_media": "0", "error_code": None, "error_message": None,
                "direction": "outbound-api", "api_version": "2010-04-01", "price": None, "price_unit": "USD"}
        return 201, said, sid
    if path == "/v2/messages":
        made = str(uuid.uuid4())
        said = {"record_type": "message", "id": made, "direction": "outbound", "parts": 1, "errors": [],
                "to": [{"phone_number": request.fields()["to"], "status": "queued"}]}
        return 200, {"data": said}, made
    if path == "/sms/json":
        made = uuid.uuid4().hex[:16].upper()
        item = {"to": "1", "message-id": made, "status": "0", "remaining-balance": "1.0", "message-price": "0.1", "network": "1"}
        return 200, {"message-count": "1", "messages": [item]}, made
    if path == "/v1/messages":
        made = str(uuid.uuid4())
        return 202, {"message_uuid": made}, made
    return 404, {}, None


class Recorder:
    def __init__(self):
        self.recorded, recorder = [], self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Recorded(self.command, self.path, headers, body)
                status, said, request.id = answer(request)
                recorder.recorded.append(request)
                told = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_):
                pass

        self.listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.listening.daemon_threads = True
        threading.Thread(target=self.listening.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.listening.server_port}"

    def only(self):
        """The one request since the last call."""
        recorded, self.recorded = self.recorded, []
        if len(recorded) != 1:
            raise RuntimeError(f"{len(recorded)} requests were sent instead of one")
        return recorded[0]
