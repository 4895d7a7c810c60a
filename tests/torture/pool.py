"""Workers that do tasks when they are due, over kept connections, and again until they are done."""

import heapq
import threading
import time

from carrier import Connection


class Unanswered(Exception):
    """The connection is gone or the answer is a 5xx: nobody knows what came of the request."""


class Worker:
    """Has a connection to wherever the server listens just now."""

    def __init__(self, server):
        self.server, self.connection, self.port = server, None, None

    def ask(self, request):
        """The answer's status and body."""
        try:
            if self.connection is None or self.port != self.server.port:
                self.close()
                self.port = self.server.port
                self.connection = Connection(self.server.host, self.port)
            status, body = self.connection.roundtrip(request)
        except (OSError, ValueError) as error:
            self.close()
            raise Unanswered(str(error)) from None
        if status >= 500:
            raise Unanswered(f"HTTP {status} {body[:200]!r}")
        return status, body

    def close(self):
        if self.connection:
            self.connection.socket.close()
            self.connection = None


class Pool:
    """A task is a function that takes a worker; it raises Unanswered to be done again in a moment."""

    def __init__(self, server, records, rng, workers):
        self.server, self.records, self.rng = server, records, rng
        self.changed, self.heap, self.number, self.busy = threading.Condition(), [], 0, 0
        self.make_more = None  # Called by a worker that has nothing to do.
        self.ended, self.raised = False, []
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self.threads:
            thread.start()

    def after(self, seconds, task):
        with self.changed:
            self.number += 1
            heapq.heappush(self.heap, (time.monotonic() + seconds, self.number, task))
            self.changed.notify()

    def _take(self):
        """The next task; none: there is nothing to do now."""
        with self.changed:
            wait = self.heap[0][0] - time.monotonic() if self.heap else 1
            if wait <= 0:
                self.busy += 1
                return heapq.heappop(self.heap)[2]
            if not self.make_more:
                self.changed.wait(min(wait, 0.05))
            return None

    def _work(self):
        worker = Worker(self.server)
        while not self.ended:
            task = self._take()
            if task is None:
                more = self.make_more
                try:
                    if more:
                        more()
                except BaseException as error:
                    self.raised.append(error)
                    self.make_more = None
                continue
            try:
                task(worker)
            except Unanswered:
                self.records.count("requests without an answer, done again")
                self.after(self.rng.uniform(0.02, 0.3), task)
            except BaseException as error:  # to be raised again in the main thread
                self.raised.append(error)
            finally:
                with self.changed:
                    self.busy -= 1
        worker.close()

    def check(self):
        if self.raised:
            raise self.raised[0]

    def drain(self, seconds):
        """Waits until all is done."""
        until = time.monotonic() + seconds
        while True:
            self.check()
            with self.changed:
                if not self.heap and not self.busy:
                    return
                left = len(self.heap) + self.busy
            if time.monotonic() > until:
                raise RuntimeError(f"after {seconds} s there are still {left} requests without a good answer")
            time.sleep(0.02)

    def end(self):
        self.ended = True
        for thread in self.threads:
            thread.join()
