from urllib.parse import parse_qs

import pytest
from app_that_sends import ByTelnyx, ByTwilio, ByVonage, NotSent, remind
from receiver import Receiver

ANN, BOB = "+15559876543", "+15559876544"


@pytest.fixture(params=["twilio", "telnyx", "vonage"])
def carrier(request, smslite_world):
    by = {"twilio": ByTwilio, "telnyx": ByTelnyx, "vonage": ByVonage}[request.param]
    return by(getattr(smslite_world.carriers, request.param), smslite_world.number(request.param))


def test_everybody_is_reminded(smslite_world, carrier):
    assert remind(carrier, {ANN: "10:00", BOB: "11:30"}) == {}
    assert "10:00" in smslite_world.wait(to=ANN, role="assistant").content
    assert "11:30" in smslite_world.wait(to=BOB, role="assistant").content
    assert smslite_world.wait(to=BOB, event="delivery_changed", status="delivered").provider == smslite_world.wait(to=BOB).provider


def test_one_that_cannot_be_reached_does_not_keep_the_others_from_hearing(smslite_world, carrier):
    smslite_world.faults.send(to=ANN, status=500)
    assert list(remind(carrier, {ANN: "10:00", BOB: "11:30"})) == [ANN]
    assert smslite_world.wait(to=BOB, role="assistant")


def test_who_said_stop_is_left_alone(smslite_world):
    carrier = ByTwilio(smslite_world.carriers.twilio, smslite_world.number("twilio"))
    smslite_world.inbound(ANN, carrier.sender, "STOP")
    failed = remind(carrier, {ANN: "10:00"})
    assert "21610" in failed[ANN]


def test_wrong_credentials_are_told_in_the_carriers_words(smslite_world):
    from dataclasses import replace

    wrong = replace(smslite_world.carriers.twilio, auth_token="0" * 32)
    with pytest.raises(NotSent, match="20003"):
        ByTwilio(wrong, smslite_world.number("twilio")).send(ANN, "Hi")


def test_the_app_hears_what_became_of_it(smslite_world):
    with Receiver() as app:
        carrier = ByTwilio(smslite_world.carriers.twilio, smslite_world.number("twilio"), callback=f"{app.url}/status")
        sid = carrier.send(ANN, "Hi")
        told = [parse_qs(app.told.get(timeout=10)[2]) for _ in range(2)]
    assert [(it["MessageSid"], it["MessageStatus"]) for it in told] == [([sid], ["sent"]), ([sid], ["delivered"])]
