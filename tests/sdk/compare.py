"""Runs in the virtual environment that sdk.py made: every case against one binary."""

import random
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import inbound_telnyx
import inbound_twilio
import inbound_vonage
import outbound
from recorder import Recorder
from server import Customers, Server
from table import Table

LIBRARIES = ("twilio", "telnyx", "vonage", "vonage-http-client", "vonage-jwt", "vonage-sms", "vonage-messages")
RANDOM = 150
LONG_PUBLIC_URL = "https://messages.customer-service.example.com"


def settings_of(recorder, public_key):
    return {
        "TWILIO_ACCOUNT_SID": inbound_twilio.ACCOUNT, "TWILIO_AUTH_TOKEN": inbound_twilio.TOKEN,
        "TWILIO_SHARED_KEYS": inbound_twilio.SHARED_KEY, "TWILIO_BASE_URL": recorder.url,
        "TELNYX_API_KEY": inbound_telnyx.API_KEY, "TELNYX_PUBLIC_KEY": public_key, "TELNYX_BASE_URL": recorder.url,
        "VONAGE_API_KEY": inbound_vonage.API_KEY, "VONAGE_API_SECRET": inbound_vonage.API_SECRET,
        "VONAGE_SIGNATURE_SECRET": inbound_vonage.SIGNATURE_SECRET, "VONAGE_BASE_URL": recorder.url,
        # The pace is not what is compared.
        **{f"{carrier}_NUMBER_MESSAGES_PER_MINUTE": 60_000 for carrier in ("TWILIO", "TELNYX", "VONAGE")},
    }


def run(server, table, rng):
    customers, recorder = Customers(), Recorder()
    twilio = inbound_twilio.Inbound(server, table, customers)
    telnyx = inbound_telnyx.Inbound(server, table, customers)
    vonage = inbound_vonage.Inbound(server, table, customers)
    settings = settings_of(recorder, telnyx.public_key)
    public = {**settings, "PUBLIC_URL": inbound_twilio.PUBLIC_URL}

    server.start({**public, "VONAGE_SIGNATURE_METHOD": "sha256"})
    server.assistant({inbound_twilio.OUR_NUMBER: "twilio", outbound.SHORT_CODE: "twilio", inbound_telnyx.OUR_NUMBER: "telnyx",
                      inbound_vonage.OUR_NUMBER: "vonage", outbound.SENDER_NAME: "vonage"})
    server.assistant({outbound.SERVICE_NUMBER: "twilio"}, messaging_service_sid=outbound.SERVICE)
    twilio.taken()
    twilio.repeated()
    twilio.json_events()
    twilio.shared_keys()
    twilio.tampered()
    twilio.random(rng, RANDOM)
    telnyx.taken()
    telnyx.tampered()
    telnyx.random(rng, RANDOM)
    vonage.tokens()
    vonage.signed("sha256")
    vonage.random(rng, "sha256", RANDOM)
    sends = outbound.Outbound(server, table, customers, recorder)
    sends.by_twilio()
    sends.by_telnyx()
    sends.by_vonage()
    sends.receipts(twilio, telnyx, vonage, "sha256")
    for method in inbound_vonage.METHODS:
        if method != "sha256":
            server.start({**public, "VONAGE_SIGNATURE_METHOD": method})
            vonage.signed(method)
            vonage.random(rng, method, RANDOM // 5)
    table.holds("vonage: the library has no plain MD5", inbound_vonage.library_cannot_hash())
    server.start({**settings, "PUBLIC_URL": LONG_PUBLIC_URL})
    sends.long_callback()
    server.start({**settings, "TRUSTED_PROXIES": "127.0.0.0/8"})
    twilio.without_public_url()
    server.stop()


def main():
    binary, seed, shown = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    started, table = time.monotonic(), Table(shown == "all")
    print(", ".join(f"{library} {version(library)}" for library in LIBRARIES), flush=True)
    with tempfile.TemporaryDirectory(prefix="smslite-sdk-") as home:
        server = Server(binary, Path(home))
        try:
            run(server, table, random.Random(seed))
        finally:
            if server.process is not None:
                server.process.kill()
                server.process.wait()
    sound = table.close()
    print(f"{time.monotonic() - started:.0f} s, seed {seed}")
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
