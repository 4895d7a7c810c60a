"""A load of signed webhooks over many connections from one thread, which notes when each was sent and answered."""

import random
import selectors
import socket
import threading
import time

from carrier import webhook


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def milliseconds(answers):
    """p50 and p99 of those that were stored, and how many a second."""
    stored = [answer for answer in answers if answer.status == 200]
    if not stored:
        return "none stored"
    took = [answer.at - answer.sent for answer in stored]
    seconds = max(answer.at for answer in stored) - min(answer.at for answer in stored) or 1
    return (f"p50 {percentile(took, .5) * 1000:.1f} ms, p99 {percentile(took, .99) * 1000:.1f} ms, "
            f"max {max(took) * 1000:.0f} ms, {len(stored)} messages at {len(stored) / seconds:.0f}/s")


class Answer:
    __slots__ = ("sid", "client", "sent", "at", "status")

    def __init__(self, sid, client, sent, at, status):
        self.sid, self.client, self.sent, self.at, self.status = sid, client, sent, at, status


class Client:
    def __init__(self, number, keeps):
        self.number, self.keeps, self.socket = number, keeps, None


class Hammer(threading.Thread):
    """Runs until told to stop or until no client is left. `keeps`: how many clients keep their connection; the others
    open one for each request. `unanswered`: requests without a byte of an answer, on a connection of their own and on a
    kept one; `cut`: answers that began and were not whole."""

    def __init__(self, server, clients=64, keeps=None, customer=None, seed=1, pause_on_503=0.0):
        super().__init__(daemon=True)
        self.server, self.rng = server, random.Random(seed)
        self.customer = customer or (lambda rng: f"+1555{rng.randrange(2000):07d}")
        keeps = clients if keeps is None else keeps
        self.clients = [Client(number, number < keeps) for number in range(clients)]
        self.stopped = threading.Event()
        self.answers, self.sent = [], {}
        self.unanswered_fresh, self.unanswered_kept, self.cut, self.refused = 0, 0, 0, 0
        self.pause_on_503 = pause_on_503
        self.error = None

    def run(self):
        try:
            self._run()
        except BaseException as error:
            self.error = error

    def _run(self):
        self.selector = selectors.DefaultSelector()
        for client in self.clients:
            self._send(client)
        while self.selector.get_map():
            for key, _ in self.selector.select(0.5):
                self._read(key.data)
        self.selector.close()

    def stop(self):
        """Waits for the answers to what was sent."""
        self.stopped.set()
        self.join()
        if self.error:
            raise self.error
        return self

    def between(self, begin, end):
        return [answer for answer in self.answers if begin <= answer.sent and answer.at <= end]

    def stored(self, until=float("inf")):
        return {answer.sid for answer in self.answers if answer.status == 200 and answer.at <= until}

    def _send(self, client):
        if self.stopped.is_set():
            return self._close(client)
        try:
            client.first = client.socket is None
            if client.first:
                client.socket = socket.create_connection((self.server.host, self.server.port), timeout=10)
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.socket.setblocking(False)
                self.selector.register(client.socket, selectors.EVENT_READ, client)
        except OSError:
            self.refused += 1
            client.socket = None
            return None
        client.sid, client.buffer, client.sent = f"SM{self.rng.getrandbits(128):032x}", b"", time.monotonic()
        request = webhook(self.server, self.server.token, client.sid, self.customer(self.rng))
        self.sent[client.sid] = client.sent
        try:
            client.socket.sendall(request)
        except OSError:
            self._gone(client)

    def _close(self, client):
        if client.socket:
            self.selector.unregister(client.socket)
            client.socket.close()
            client.socket = None

    def _gone(self, client):
        if client.buffer:
            self.cut += 1
        elif client.first:
            self.unanswered_fresh += 1
        else:
            self.unanswered_kept += 1
        self._close(client)

    def _read(self, client):
        try:
            piece = client.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            return self._gone(client)
        if not piece:
            return self._gone(client)
        client.buffer += piece
        head, end, body = client.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        lower = head.lower()
        length = int(lower.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        status = int(head.split(b" ", 2)[1])
        self.answers.append(Answer(client.sid, client.number, client.sent, time.monotonic(), status))
        if status == 503 and self.pause_on_503:
            time.sleep(self.pause_on_503)
        if not client.keeps or b"connection: close" in lower:
            self._close(client)
        self._send(client)
