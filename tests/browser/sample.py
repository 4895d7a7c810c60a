"""What every test's server holds. Ids follow from the order, so the constants name conversations."""

PASSWORD = "correct horse battery"
KEY = "sl_live_browser_tests_0000000000000000000000000000"
OUR_NUMBER, ECHO_NUMBER = "+15551234567", "+15551230000"

# Conversations and their customers.
QUESTION, LONG, COMPLETED, ARABIC, EMOJI, WIDE, FAILED = 1, 2, 3, 4, 5, 6, 7
ASKING, TALKING, FORMER, ARABIC_SPEAKER, EMOJI_WRITER, WIDE_WRITER, UNREACHED = (f"+1555010{number:04d}" for number in range(1, 8))
NEWCOMER = "+15559876543"

LONG_COUNT = 230
QUESTION_TEXT = "Can I reschedule to Thursday?"
FORMER_TEXT = "Do you sell gift cards?"
ARABIC_TEXT = "مرحبا، هل يمكنني تغيير موعدي إلى يوم الخميس؟ رقم الطلب 8841 (ABC)"
EMOJI_TEXT = "👩‍👩‍👧‍👦🏳️‍🌈🇨🇭👍🏽" * 20
# One word without a place to break it, as long as a message may be.
WIDE_TEXT = "https://example.com/" + "a" * 1580
LONG_TEXT = ("All work and no play makes Jack a dull boy. " * 40)[:1600]


def email(role):
    return f"{role}@example.com"


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def seed():
    talk = [message("user" if number % 2 else "assistant", f"Line {number} of a long talk") for number in range(1, LONG_COUNT + 1)]
    number = {"number": OUR_NUMBER}
    return {
        "name": "Acme Dental",
        "users": [{"email": email(role), "role": role, "password": PASSWORD, "first_name": role.title()} for role in ("admin", "user", "viewer")],
        "api_keys": [{"name": "browser tests", "secret": KEY, "user": email("admin"), "role": "admin"}],
        "assistants": [{"name": "Front Desk"}, {"name": "Echo", "auto_reply": "echo"}],
        "numbers": [
            {"number": OUR_NUMBER, "assistant": "Front Desk", "friendly_name": "Reception"},
            {"number": ECHO_NUMBER, "assistant": "Echo", "friendly_name": "Parrot"},
        ],
        "conversations": [
            {"customer": ASKING, **number, "started": "5m ago", "status": "active", "messages": [
                message("user", QUESTION_TEXT), message("assistant", "Sure. Morning or afternoon?"), message("user", "Afternoon please")]},
            {"customer": TALKING, **number, "started": "3d ago", "status": "active", "messages": talk},
            {"customer": FORMER, "number": ECHO_NUMBER, "started": "9d ago", "status": "completed", "messages": [
                message("user", FORMER_TEXT), message("assistant", "We do, from 20 dollars on.")]},
            {"customer": ARABIC_SPEAKER, **number, "started": "2h ago", "status": "active", "messages": [
                message("user", ARABIC_TEXT), message("assistant", "שלום, איך אפשר לעזור?")]},
            {"customer": EMOJI_WRITER, **number, "started": "3h ago", "status": "active", "messages": [message("user", EMOJI_TEXT)]},
            {"customer": WIDE_WRITER, **number, "started": "4h ago", "status": "active", "messages": [
                message("user", WIDE_TEXT), message("assistant", LONG_TEXT)]},
            {"customer": UNREACHED, **number, "started": "1d ago", "status": "completed", "messages": [
                message("assistant", "Your crown is ready.", status="undelivered", error_code="30003",
                        error_message="Unreachable destination handset")]},
            {"channel": "voice", "customer": ASKING, "assistant": "Front Desk", "started": "1d 2h ago", "duration": 148},
        ],
        "opt_outs": [{"number": OUR_NUMBER, "customer": UNREACHED, "at": "30m ago"}],
    }
