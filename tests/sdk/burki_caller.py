"""Calls the SDK's methods, blocking or awaited, and looks at what each made of the answer."""

import inspect
import json

from burki import AuthenticationError, BurkiClient
from burki.http_client import HTTPClient
from burki.models import sms

SMS_MODELS = tuple(getattr(sms, name) for name in sms.__all__)

# (model, field) -> why no answer has it. A row here that an answer has is a failure too: the list must stay true.
NOT_SERVED = {
    ("SendSMSResponse", "queue_position"): "a number's queue is not counted ahead of a message",
    ("SendSMSResponse", "estimated_send_time"): "nobody can tell when a carrier has time",
    ("SMSQueueStats", "average_send_time_ms"): "it is not measured",
}
ASYNC = "_async"


class Wrong(Exception):
    """Something is not as it must be; the text says what."""


def same(what, got, wanted):
    if got != wanted:
        raise Wrong(f"{what} is {got!r} instead of {wanted!r}")


class Answers:
    """What the SDK got of the server, before it makes anything of it."""

    def __init__(self):
        self.last, handle = None, HTTPClient._handle_response

        def kept(client, response):
            self.last = response
            return handle(client, response)

        HTTPClient._handle_response = kept


class Caller:
    """The methods of one client under the names of the blocking ones, those of SMS without their resource's.
    suffix: of those that are called."""

    def __init__(self, url, key, suffix, loop, answers):
        self.client, self.stranger = BurkiClient(key, base_url=url), BurkiClient(f"{key}x", base_url=url)
        self.suffix, self.loop, self.answers = suffix, loop, answers
        self.called = {}

    def _ask(self, client, name, arguments):
        resource, _, method = name.rpartition(".")
        answer = getattr(getattr(client, resource or "sms"), method + self.suffix)(**arguments)
        same(f"whether {name}{self.suffix} is to be awaited", inspect.isawaitable(answer), self.suffix == ASYNC)
        return self.loop.run_until_complete(answer) if self.suffix else answer

    def __call__(self, name, /, **arguments):
        full = name if "." in name else f"sms.{name}"
        self.called.setdefault(full + self.suffix, set()).update(arguments)
        result = self._ask(self.client, name, arguments)
        self._holds_the_answer(result)
        return result

    def fails(self, error, status, says, name, /, **arguments):
        """The call must raise this error, and tell why."""
        try:
            result = self(name, **arguments)
        except error as raised:
            same(f"the status of {raised!r}", raised.status_code, status)
            if says not in str(raised):
                raise Wrong(f"{name} of {arguments} was refused with {raised}, which does not say {says!r}") from None
            return
        raise Wrong(f"{name} of {arguments} is {result!r} instead of a {error.__name__}")

    def refuses_strangers(self, name, /, **arguments):
        """With a key that nobody has."""
        try:
            result = self._ask(self.stranger, name, arguments)
        except AuthenticationError as raised:
            return same("the status of a bad key", raised.status_code, 401)
        raise Wrong(f"{name} with a bad key is {result!r}")

    def _holds_the_answer(self, result):
        """A model of SMS must hold each of its fields as the server said it; what is left out turns into a default
        unnoticed."""
        several = isinstance(result, list)
        models = [it for it in (result if several else [result]) if isinstance(it, SMS_MODELS)]
        if not models:
            return
        answer = self.answers.last.json()
        for model, said in zip(models, answer if several else [answer]):
            for field, value in model.model_dump().items():
                name = (type(model).__name__, field)
                if (field in said) == (name in NOT_SERVED):
                    raise Wrong(f"{'.'.join(name)} is {'in' if field in said else 'missing from'} {json.dumps(said)}")
                if field in said:
                    same(".".join(name), value, said[field])

    def close(self):
        for client in (self.client, self.stranger):
            client.close()
            self.loop.run_until_complete(client.close_async())


def methods_of(client):
    """name -> parameters, of every method that is about SMS: those of the SMS resource, and others that are named after it."""
    found = {}
    for resource in (name for name, kind in inspect.getmembers(type(client)) if isinstance(kind, property)):
        for method, function in inspect.getmembers(getattr(client, resource), inspect.isroutine):
            name = f"{resource}.{method}"
            if not method.startswith("_") and "sms" in name.lower():
                found[name] = set(inspect.signature(function).parameters)
    return found
