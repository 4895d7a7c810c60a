import pytest
from app_that_answers import Shop

ANN, BOB = "+15559876543", "+15559876544"


@pytest.fixture
def shop(smslite_world):
    with Shop() as shop:
        shop.secret = smslite_world.forward_to(shop.url)
        yield shop


@pytest.mark.parametrize("provider", ["twilio", "telnyx", "vonage"])
def test_a_question_is_answered_by_the_carrier_it_came_by(smslite_world, shop, provider):
    question = smslite_world.inbound(ANN, smslite_world.number(provider), "Where are you?")
    answer = smslite_world.wait(role="assistant", after=question)
    assert answer.to == ANN and answer.provider == provider
    assert answer.link == "https://shop.test/map"


def test_customers_do_not_hear_each_others_answers(smslite_world, shop):
    smslite_world.inbound(ANN, smslite_world.number(), "When do you open?")
    smslite_world.inbound(BOB, smslite_world.number(), "Where is it?")
    assert smslite_world.wait(role="assistant", to=ANN).content == "We open at 9"
    assert "Main Street" in smslite_world.wait(role="assistant", to=BOB).content


def test_a_carriers_retry_is_answered_once(smslite_world, shop):
    first = smslite_world.inbound(ANN, smslite_world.number(), "When?")
    smslite_world.wait(role="assistant")
    smslite_world.inbound(ANN, smslite_world.number(), "When?", message_id=first.message_id)
    smslite_world.clock.read()
    smslite_world.journal.verify(kind="twilio", count=1)


@pytest.mark.smslite(clock="2026-01-01T10:00:00Z")
def test_a_shop_that_was_down_answers_later(smslite_world, shop):
    smslite_world.faults.forward(status=503, times=3)
    smslite_world.inbound(ANN, smslite_world.number(), "When do you open?")
    smslite_world.clock.advance("1m")
    assert smslite_world.wait(role="assistant").content == "We open at 9"
    smslite_world.journal.verify(kind="receiver", count=4)


def test_who_is_not_smslite_is_not_heard(smslite_world, shop):
    shop.secret = "whsec_" + "A" * 32
    smslite_world.inbound(ANN, smslite_world.number(), "When?")
    assert smslite_world.wait(event="forward_changed").forward == "waiting"
    assert shop.told == []
