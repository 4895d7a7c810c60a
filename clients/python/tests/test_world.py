"""A world's part of the control plane, method by method."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from receiver import Receiver
from smslite import FaultWarning, NotAsExpected, NothingHappened, NotTaken, Refused

ANN = "+15559876543"
NEW_YEAR = "2026-01-01T10:00:00Z"


def send(world, text="Hello", provider="twilio", **more):
    body = {"from_phone_number": world.number(provider), "to_phone_number": ANN, "message": text, **more}
    return world.api.post("/sms/send", body)


def test_a_world_tells_what_it_has(smslite_world):
    world = smslite_world
    assert [number.provider for number in world.numbers] == ["twilio", "telnyx", "vonage", "sandbox"]
    assert world.number() == world.number("twilio") == "+15551230001"
    assert world.assistants[0].name == "Support Bot" and world.users[0].role == "admin"
    assert world.carriers.twilio.account_sid.startswith("AC")
    assert world.carriers.telnyx.base_url == f"{world.url}/v2"
    assert world.carriers.vonage.webhook_url == f"{world.url}/webhooks/sms/vonage"
    with pytest.raises(LookupError, match=r"no number at 'pigeon'; it has \+15551230001 \(twilio\), "):
        world.number("pigeon")


def test_the_lowest_number_is_the_first(smslite_server):
    numbers = [{"number": "+15550000009"}, {"number": "+15550000001", "provider": "twilio"}, {"number": "+15550000005"}]
    with smslite_server.world(seed={"numbers": numbers}) as world:
        assert world.number() == "+15550000001" and world.number("sandbox") == "+15550000005"
    with smslite_server.world(seed="empty") as world:
        for provider in (None, "twilio"):
            with pytest.raises(LookupError, match="this world has no numbers"):
                world.number(provider)


@pytest.mark.parametrize("provider", ["twilio", "telnyx", "vonage", "sandbox"])
def test_a_customer_writes_and_is_heard(smslite_world, provider):
    sent = smslite_world.inbound(ANN, smslite_world.number(provider), "Your code is 123-456: https://shop.test/a?b=1.")
    event = smslite_world.wait(role="user", after=sent)
    assert (event.from_, event.to) == (ANN, smslite_world.number(provider))
    assert event.code == "123456" and event.link == "https://shop.test/a?b=1"
    assert sent.taken and sent.response.status // 100 == 2
    (conversation,) = smslite_world.api.get("/api/v1/sms-conversations/", customer_phone=ANN)
    assert conversation["id"] == event.conversation_id


def test_an_event_has_one_code_or_says_that_it_has_not(smslite_world):
    smslite_world.inbound(ANN, smslite_world.number(), "1234 or 5678")
    with pytest.raises(AssertionError, match="not one code .* but 2"):
        smslite_world.wait(role="user").code


def test_files_parts_retries_and_stop_are_a_carriers_to_send(smslite_world):
    world = smslite_world
    first = world.inbound(ANN, world.number(), "look", media_urls=["https://a.test/1.jpg"])
    again = world.inbound(ANN, world.number(), "look", media_urls=["https://a.test/1.jpg"], message_id=first.message_id)
    assert again.message_id == first.message_id
    parts = world.inbound(ANN, world.number("vonage"), "long " * 60, in_parts=True)
    assert len(parts.requests) > 1 and len(parts.requests) == len(parts.responses)
    world.wait(contains="long long", role="user")
    assert len(world.api.get("/api/v1/sms-conversations/1/messages")) == 1
    world.inbound(ANN, world.number(), "STOP", opt_out_type="STOP")
    with pytest.raises(Refused) as refused:
        send(world)
    assert refused.value.status == 409


def test_what_is_not_taken_is_an_error_unless_it_is_wanted(smslite_world):
    with pytest.raises(NotTaken, match="was answered 403"):
        smslite_world.inbound(ANN, smslite_world.number(), "Hi", signature="wrong")
    sent = smslite_world.inbound(ANN, smslite_world.number(), "Hi", signature="missing", check=False)
    assert sent.response.status == 403 and not sent.taken
    with pytest.raises(NotTaken, match="by nobody"):
        smslite_world.inbound(ANN, smslite_world.number(), "Hi", url="http://127.0.0.1:9/sms")


def test_a_request_can_be_had_without_being_sent(smslite_world):
    sent = smslite_world.inbound(ANN, smslite_world.number(), "Hi", send=False, url="https://app.test/sms")
    assert sent.request.url == "https://app.test/sms" and not sent.responses
    assert "X-Twilio-Signature" in dict(sent.request.headers)
    smslite_world.journal.never(kind="webhook")


@pytest.mark.parametrize("provider, signature", [
    ("twilio", "x-twilio-signature"), ("telnyx", "telnyx-signature-ed25519"), ("vonage", "authorization")])
def test_an_app_that_the_carrier_calls_itself_is_called(smslite_world, provider, signature):
    with Receiver() as app:
        sent = smslite_world.inbound(ANN, smslite_world.number(provider), "Hi", url=f"{app.url}/sms")
        path, headers, body = app.told.get(timeout=10)
    assert path == "/sms" and body == sent.request.body and sent.taken
    assert headers.get(signature) == {name.lower(): value for name, value in sent.request.headers}.get(signature)
    # It is the app's alone: the world's own route heard nothing.
    assert smslite_world.api.get("/api/v1/sms-conversations/") == []
    smslite_world.journal.verify(kind="callback", count=1)


@pytest.mark.smslite(receipts="manual")
def test_the_carrier_tells_what_became_of_a_message(smslite_world):
    message = send(smslite_world, queue=False)
    smslite_world.receipt(message["message_id"], "delivered")
    assert smslite_world.wait(status="delivered", event="delivery_changed", timeout=0).to == ANN
    other = send(smslite_world, "Other", queue=False)
    smslite_world.receipt(other["provider_message_id"], "undelivered", error_code=30003)
    assert smslite_world.wait(status="undelivered", event="delivery_changed").error_code == "30003"
    with pytest.raises(Refused, match="no such message"):
        smslite_world.receipt("SM00000000000000000000000000000000", "delivered")


def test_nothing_happened_tells_what_did(smslite_world):
    smslite_world.inbound(ANN, smslite_world.number(), "Hello there")
    smslite_world.inbound(ANN, smslite_world.number(), "Hello", signature="wrong", check=False)
    with pytest.raises(NothingHappened) as nothing:
        smslite_world.wait(to=smslite_world.number("telnyx"), contains="code", role="user", timeout=0)
    text = str(nothing.value)
    assert isinstance(nothing.value, AssertionError)
    assert ". Nothing that matches happened within 0 s; " in text.splitlines()[0]
    for part in (
        "waited for: to='+15551230002', contains='code', role='user'",
        "message_received, +15559876543 -> +15551230001, conversation 1, user, received, 'Hello there'",
        'to: it is "+15551230001"',
        'contains: it is "Hello there"',
        "requests that went wrong:",
        "/webhooks/sms/twilio -> 403: The webhook's signature was refused",
    ):
        assert part in text
    assert nothing.value.seen[-1].event.content == "Hello there" and len(nothing.value.seen[-1].missed) == 2
    with pytest.raises(NothingHappened, match="Nothing happened"):
        smslite_world.wait(after=nothing.value.sequence, timeout=0)


def test_a_condition_that_cannot_be_met_is_refused_at_once(smslite_world):
    for condition in ({"matches": "("}, {"event": "nonsense"}, {"role": "king"}, {"status": "lost"}, {"timeout": 601}):
        with pytest.raises(Refused, match=list(condition)[0]) as refused:
            smslite_world.wait(**condition)
        assert refused.value.status == 422


@pytest.mark.smslite(clock=NEW_YEAR)
def test_the_clock_stands_still_is_moved_and_runs(smslite_world):
    clock, start = smslite_world.clock, datetime(2026, 1, 1, 10, tzinfo=timezone.utc)
    assert clock.now == start and clock.read().frozen
    assert clock.advance("1h 30m").now == start + timedelta(minutes=90)
    assert clock.advance(timedelta(minutes=30)).now == clock.advance(0).now == start + timedelta(hours=2)
    assert clock.set(datetime(2026, 1, 1, 13)).now == start + timedelta(hours=3)
    assert clock.freeze("2026-01-01T15:00:00+01:00").now == start + timedelta(hours=4)
    assert not clock.run().frozen and clock.freeze().frozen
    with pytest.raises(Refused, match="cannot go back"):
        clock.set(start)


@pytest.mark.smslite(clock=NEW_YEAR)
def test_what_becomes_due_is_done_before_the_clock_returns(smslite_world):
    smslite_world.inbound(ANN, smslite_world.number(), "Hi")
    smslite_world.clock.advance("2d")
    ended = smslite_world.wait(event="conversation_ended", timeout=0)
    assert ended.at == datetime(2026, 1, 2, 10, tzinfo=timezone.utc)
    (conversation,) = smslite_world.api.get("/api/v1/sms-conversations/")
    assert conversation["status"] == "completed"


@pytest.mark.smslite(clock=NEW_YEAR)
def test_a_carrier_refuses_twice_and_then_takes_it(smslite_world):
    rule = smslite_world.faults.send(provider="telnyx", status=429, retry_after=7, times=2)
    message = send(smslite_world, provider="telnyx")
    assert smslite_world.clock.read().next_due is not None
    smslite_world.clock.advance("1m")
    assert smslite_world.api.get(f"/sms/{message['message_id']}/status")["status"] == "sent"
    smslite_world.journal.verify(kind="telnyx", status=429, count=2)
    (used,) = smslite_world.faults.list()
    assert (used.id, used.matched, used.used) == (rule.id, 2, 2)
    assert smslite_world.faults.unmatched() == []


@pytest.mark.smslite(clock=NEW_YEAR)
def test_receipts_come_twice_late_and_in_reverse(smslite_world):
    smslite_world.faults.receipt(repeat=2, late=60, reverse=True)
    send(smslite_world, queue=False)
    smslite_world.journal.never(kind="webhook")
    smslite_world.clock.advance(60)
    bodies = [entry.text for entry in smslite_world.journal.list(kind="webhook")]
    assert ["delivered" in body for body in bodies] == [True, True, False, False]
    smslite_world.faults.receipt(delivery="undelivered", error_code=30006)
    smslite_world.clock.read()
    send(smslite_world, "Landline", queue=False)
    assert smslite_world.wait(status="undelivered").error_code == "30006"


def test_our_own_answers_go_wrong(smslite_world):
    smslite_world.faults.answer(path="/api/v1/sms-conversations/*", status=503, retry_after=3, body={"detail": "busy"})
    response = smslite_world.api.request("GET", "/api/v1/sms-conversations/")
    assert (response.status, response.headers["retry-after"], response.json()) == (503, "3", {"detail": "busy"})
    assert smslite_world.api.get("/api/v1/sms-conversations/") == []
    smslite_world.faults.answer(cut_after=0)
    with pytest.raises(ConnectionError):
        smslite_world.api.get("/api/v1/sms-conversations/")


def test_a_rule_that_matches_nothing_says_so(smslite_world):
    with pytest.warns(FaultWarning, match=r"\+15550000000 is no number of this world") as warned:
        rule = smslite_world.faults.send(from_="+1 555 000 0000", refuse=True)
    assert warned[0].filename == __file__
    assert smslite_world.faults.unmatched()[0].id == rule.id
    smslite_world.faults.remove(rule)
    with pytest.raises(Refused, match="not what happens"):
        smslite_world.faults.send(provider="twilio")
    smslite_world.faults.answer(path="/never", status=500)
    smslite_world.faults.clear()
    assert smslite_world.faults.list() == []


def test_the_journal_tells_what_went_in_and_out(smslite_world):
    send(smslite_world, "One")
    send(smslite_world, "Two")
    journal = smslite_world.journal
    assert len(journal.verify(path="/sms/send", count=2)) == 2
    assert journal.count(path="/sms/send", contains="Two") == 1
    journal.verify(at_least=1, at_most=2, kind="twilio")
    journal.never(path="/sms/*", method="DELETE")
    (entry,) = journal.list(path="/sms/send", contains="One")
    assert json.loads(entry.text)["message"] == "One" and entry.status == 200
    assert journal.list(after=entry.sequence) and entry.headers["content-type"] == "application/json"
    with pytest.raises(NotAsExpected) as not_so:
        journal.verify(path="/sms/send", contains="Three")
    assert "Expected at least 1 matching requests, found 0" in str(not_so.value)
    assert "contains: it is another body" in str(not_so.value) and not_so.value.closest
    with pytest.raises(NotAsExpected, match="Expected exactly 0.*; asked for: path='/sms/send'\n"):
        journal.never(path="/sms/send")
    with pytest.raises(Refused, match="at_most"):
        journal.verify(at_least=2, at_most=1)
    journal.clear()
    assert journal.list() == []


@pytest.mark.smslite(clock=NEW_YEAR, random=1)
def test_a_world_is_put_back(smslite_world):
    smslite_world.inbound(ANN, smslite_world.number(), "Before")
    name = smslite_world.snapshot("before")
    smslite_world.inbound(ANN, smslite_world.number(), "After")
    smslite_world.clock.advance("2d")
    smslite_world.restore(name)
    assert smslite_world.clock.now == datetime(2026, 1, 1, 10, tzinfo=timezone.utc)
    assert [it["content"] for it in smslite_world.api.get("/api/v1/sms-conversations/1/messages")] == ["Before"]
    smslite_world.faults.answer(status=500)
    smslite_world.reset()
    assert smslite_world.api.get("/api/v1/sms-conversations/") == [] and smslite_world.journal.count(kind="webhook") == 0
    with pytest.raises(Refused, match="no snapshot"):
        smslite_world.restore("never")


def test_with_a_number_the_same_comes_each_time(smslite_server):
    def told():
        with smslite_server.world("same", random=7, clock=NEW_YEAR) as world:
            return world.api_key, world.carriers.twilio, world.inbound(ANN, world.number(), "Hi").request, send(world), world.dump()

    assert told()[:4] == told()[:4]


def test_a_dump_is_one_readable_file(smslite_world, tmp_path):
    smslite_world.inbound(ANN, smslite_world.number(), "Grüße")
    path = smslite_world.dump_to(tmp_path / "new")
    assert path == tmp_path / "new" / f"{smslite_world.name}.json"
    assert "Grüße" in path.read_text("utf-8")
    assert set(json.loads(path.read_text("utf-8"))) == {"version", "world", "faults", "journal", "events", "records"}


def test_a_seed_is_a_name_a_text_a_dictionary_or_a_file(smslite_server, tmp_path):
    text = 'name = "Shop"\n[[assistants]]\nname = "Till"\n'
    Path(tmp_path, "shop.toml").write_text(text)
    for seed in (text, tmp_path / "shop.toml", {"name": "Shop", "assistants": [{"name": "Till"}]}):
        with smslite_server.world(seed=seed) as world:
            assert [it.name for it in world.assistants] == ["Till"] and world.numbers == []
    with pytest.raises(Refused, match='no seed "unknown"$'):
        smslite_server.world(seed="unknown")
    for ask in (lambda: smslite_server.world(seed="/path/shop.toml"), lambda: smslite_server.put_seed("shop", "shop.toml")):
        with pytest.raises(Refused, match=r"if a file is meant, give its path: pathlib\.Path\('.*shop\.toml'\)$"):
            ask()


def test_a_world_that_is_gone_says_so(smslite_server):
    with smslite_server.world() as world:
        world.delete()
        for ask in (lambda: world.wait(timeout=0), world.clock.read, world.dump, world.journal.list):
            with pytest.raises(Refused, match="expired"):
                ask()


def test_a_refusal_names_the_place_that_did_not_validate(smslite_world):
    with pytest.raises(Refused, match="GET /api/v1/sms-conversations/ was answered 422: query.limit: ") as refused:
        smslite_world.api.get("/api/v1/sms-conversations/", limit=0)
    assert refused.value.body["detail"][0]["type"]
