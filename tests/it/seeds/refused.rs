//! What is wrong with a seed is told with its line, in both languages, all of it at once.

use super::*;

/// What is told of a seed, one complaint a line.
#[track_caller]
fn refusal(text: &str) -> String {
    match Seed::parse(text, base()) {
        Ok(_) => panic!("it is taken: {text}"),
        Err(errors) => errors.to_string(),
    }
}

/// The seed, and the line and the words that are told of it.
type Row = (&'static str, &'static str);

const PARENTS: &str = "assistants = [{ name = \"Support\" }, { name = \"Idle\" }]
numbers = [{ number = \"+15551234567\", assistant = \"Support\" }, { number = \"+15551230000\" }]
";

/// The same, so that more of a list may follow.
const HEADED: &str = "[[assistants]]
name = \"Support\"
[[assistants]]
name = \"Idle\"
[[numbers]]
number = \"+15551234567\"
assistant = \"Support\"
[[numbers]]
number = \"+15551230000\"
";

#[test]
fn what_names_something_that_is_not_there_is_refused_with_its_line() {
    let rows: [Row; 9] = [
        (
            "[[numbers]]\nnumber = \"+15551230001\"\nassistant = \"Suport\"",
            "line 12: numbers.assistant: there is no assistant \"Suport\" in this seed; did you mean `Support`?",
        ),
        (
            "[[api_keys]]\nname = \"k\"\nuser = \"nobody@acme.example\"",
            "line 12: api_keys.user: there is no user \"nobody@acme.example\" in this seed",
        ),
        (
            "[[conversations]]\ncustomer = \"+15550100001\"\nnumber = \"+15551234568\"",
            "line 12: conversations.number: there is no number +15551234568 in this seed; did you mean `+15551234567`?",
        ),
        (
            "[[conversations]]\ncustomer = \"+15550100001\"\n\nassistant = \"Nobody\"",
            "line 13: conversations.assistant: there is no assistant \"Nobody\" in this seed",
        ),
        (
            "[[conversations]]\ncustomer = \"+15550100001\"\nassistant = \"Idle\"",
            "line 12: conversations.assistant: it has no number; name one with `number`",
        ),
        (
            "[[conversations]]\ncustomer = \"+15550100001\"\nnumber = \"+15551230000\"",
            "line 12: conversations.number: it has no assistant; name one with `assistant`",
        ),
        (
            "[[conversations]]\ncustomer = \"+15550100001\"",
            "line 10: conversations: `number` or `assistant` is missing",
        ),
        (
            "[[opt_outs]]\ncustomer = \"+15550100001\"\nnumber = \"+15550100009\"",
            "line 12: opt_outs.number: there is no number +15550100009 in this seed",
        ),
        ("[[opt_outs]]\nnumber = \"+15551234567\"", "line 10: opt_outs.customer: it is missing"),
    ];
    for (text, told) in rows {
        let found = refusal(&format!("{HEADED}{text}\n"));
        assert!(found.starts_with(told), "{text}\nfound: {found}\nwanted: {told}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let rows: [Row; 32] = [
        ("name = ", "line 1: "),
        ("name = \"a\"\nname = \"b\"", "line 2: duplicate key"),
        ("\n\nusers = 3", "line 3: users: expected a list of tables, found a number"),
        ("users = [3]", "line 1: users: expected a table, found a number"),
        ("[[user]]", "line 1: unknown key `user`; did you mean `users`?"),
        (
            "[[users]]\nemial = \"a@b\"\nemail = \"a@b\"",
            "line 2: unknown key `users.emial`; did you mean `email`?",
        ),
        ("\n[[users]]\nrole = \"admin\"", "line 2: users.email: it is missing"),
        ("[[users]]\nemail = \"ab\"", "line 2: users.email: it is no email address"),
        (
            "[[users]]\nemail = \"a@b\"\n[[users]]\nemail = \"A@b\"",
            "line 4: users.email: there is a user \"A@b\" already",
        ),
        (
            "[[users]]\nemail = \"a@b\"\nrole = \"amdin\"",
            "line 3: users.role: \"amdin\" is none of `viewer`, `user`, `admin`; did you mean `admin`?",
        ),
        ("[[users]]\nemail = \"a@b\"\npassword = \"short\"", "line 3: users.password: Input should have 8"),
        (
            "[[users]]\nemail = \"a@b\"\nis_active = \"yes\"",
            "line 3: users.is_active: expected a truth value, found a text",
        ),
        (
            "[[api_keys]]\nname = \"k\"\nsecret = \"sl_live_short\"",
            "line 3: api_keys.secret: must be sl_live_",
        ),
        (
            "[[api_keys]]\nname = \"k\"\n[[api_keys]]\nname = \"k\"",
            "line 4: api_keys.name: this user has a key \"k\" already",
        ),
        (
            "[[assistants]]\nname = \"A\"\n[[assistants]]\nname = \"A\"",
            "line 4: assistants.name: there is an assistant \"A\" already",
        ),
        (
            "[[assistants]]\nname = \"A\"\nauto_reply = \"parrot\"",
            "line 3: assistants.auto_reply: auto_reply is \"echo\" or a list",
        ),
        (
            "[[assistants]]\nname = \"A\"\nauto_reply = \"echo\"\ncustom_settings = { auto_reply = \"echo\" }",
            "line 3: assistants.auto_reply: custom_settings has it, too",
        ),
        (
            "[[assistants]]\nname = \"A\"\nsms_webhook_url = \"ftp://x\"",
            "line 3: assistants.sms_webhook_url: it is no http or https URL",
        ),
        (
            "[[assistants]]\nname = \"A\"\nsms_webhook_secret = \"x\"",
            "line 3: assistants.sms_webhook_secret: a secret is whsec_",
        ),
        ("[[assistants]]\nname = \"A\"\nid = 3", "line 3: assistants.id: this is not for a seed to say"),
        ("[[numbers]]\nnumber = \"5551234567\"", "line 2: numbers.number: not a phone number"),
        (
            "[[numbers]]\nnumber = \"+15551234567\"\n[[numbers]]\nnumber = \"+1 555 123 4567\"",
            "line 4: numbers.number: there is a number +15551234567 already",
        ),
        (
            "[[numbers]]\nnumber = \"+15551234567\"\nprovider = \"twillio\"",
            "line 3: numbers.provider: \"twillio\" is none of `twilio`, `telnyx`, `vonage`, `sandbox`; did you mean `twilio`?",
        ),
        (
            "[[carriers]]\nprovider = \"sandbox\"",
            "line 2: carriers.provider: \"sandbox\" is none of `twilio`, `telnyx`, `vonage`",
        ),
        (
            "[[carriers]]\nprovider = \"telnyx\"\nverifying = [\"x\"]",
            "line 3: carriers.verifying: Input should be Ed25519",
        ),
        ("[[carriers]]\nprovider = \"twilio\"", "line 1: carriers.secret: An account needs a secret"),
        ("clock = \"soon\"", "line 1: clock: no time"),
        ("random = -1", "line 1: random: expected a whole number from 0 on, found a number"),
        ("session_ttl_seconds = 0", "line 1: session_ttl_seconds: it is 1 to"),
        ("receipts = \"none\"", "line 1: receipts: \"none\" is none of `auto`, `manual`"),
        ("[retention]\nlog_days = 3", "line 2: unknown key `retention.log_days`; did you mean `logs_days`?"),
        ("random = 1e400", "line 1: no number that can be stored"),
    ];
    for (text, told) in rows {
        let found = refusal(text);
        assert!(found.starts_with(told), "{text}\nfound: {found}\nwanted: {told}");
    }
}

#[test]
fn what_a_conversation_says_wrongly_is_told_with_its_line() {
    let rows: [Row; 14] = [
        (
            "started = \"2026-05-01T00:00:00Z\"",
            "line 6: conversations.started: 2026-05-01T00:00:00Z is after 2026-04-30T12:00:00Z",
        ),
        ("started = 2026-05-01T00:00:00Z", "line 6: conversations.started: 2026-05-01T00:00:00Z is after"),
        ("started = \"2 hours\"", "line 6: conversations.started: \"2 hours\" is no time"),
        (
            "status = \"activ\"",
            "line 6: conversations.status: \"activ\" is none of `active`, `completed`; did you mean `active`?",
        ),
        (
            "status = \"active\"\nended = \"now\"",
            "line 7: conversations.ended: an `active` conversation has no end",
        ),
        ("channel = \"voice\"\nlogs = true", "line 7: conversations.logs: only an SMS conversation"),
        ("messages = [\n{ role = \"user\" },\n]", "line 7: messages.content: it is missing"),
        (
            "messages = [\n\n{ role = \"bot\", content = \"\" },\n]",
            "line 8: messages.role: \"bot\" is none of",
        ),
        (
            "started = \"1h ago\"\nmessages = [\n{ role = \"user\", content = \"a\", at = \"2h ago\" },\n]",
            "line 8: messages.at: 2026-04-30T10:00:00Z is before 2026-04-30T11:00:00Z",
        ),
        (
            "messages = [\n{ role = \"user\", content = \"a\", at = \"1h ago\" },\n{ role = \"user\", content = \"a\", at = \"2h ago\" },\n]",
            "line 8: messages.at: 2026-04-30T10:00:00Z is before",
        ),
        (
            "messages = [{ role = \"user\", content = \"a\", status = \"sent\" }]",
            "line 6: messages.status: a customer's message is `received`",
        ),
        (
            "messages = [{ role = \"assistant\", content = \"a\", status = \"received\" }]",
            "line 6: messages.status: a message to the customer is never `received`",
        ),
        (
            "messages = [{ role = \"user\", content = \"a\", sent = \"now\" }]",
            "line 6: unknown key `messages.sent`",
        ),
        ("call_meta = 3", "line 6: conversations.call_meta: expected a table"),
    ];
    for (text, told) in rows {
        let found = refusal(&format!(
            "{PARENTS}[[conversations]]\ncustomer = \"+15550100001\"\nassistant = \"Support\"\n{text}"
        ));
        assert!(found.starts_with(told), "{text}\nfound: {found}\nwanted: {told}");
    }
}

#[test]
fn json_is_told_by_its_lines_too() {
    let rows: [Row; 10] = [
        ("{\n\"name\": }", "line 2: not JSON: expected value (column 9)"),
        ("{\n\"name\": \"a\"", "line 2: not JSON: EOF"),
        ("{\"name\": \"a\",\n\"name\": \"b\"}", "line 2: duplicate key `name`"),
        (
            "{\n\"users\": [\n{\"email\": \"a@b\"},\n{\"email\":\n\"a@b\"}]}",
            "line 4: users.email: there is a user",
        ),
        ("{\n\"users\": [\n\n{}]}", "line 4: users.email: it is missing"),
        ("{\n\n\"usres\"\n:\n[]}", "line 3: unknown key `usres`; did you mean `users`?"),
        (
            "{\"numbers\": [{\"number\": \"+15551234567\",\n\"assistant\": \"x\"}]}",
            "line 2: numbers.assistant: there is no assistant",
        ),
        ("{\n\"name\": \"\\ud800\"}", "line 2: not JSON"),
        ("{\n\"random\": 1e999}", "line 2: not JSON: number out of range"),
        (
            "{\"assistants\": [\n{\"name\": \"a\", \"custom_settings\": []}]}",
            "line 2: assistants.custom_settings: expected a table",
        ),
    ];
    for (text, told) in rows {
        let found = refusal(text);
        assert!(found.starts_with(told), "{text}\nfound: {found}\nwanted: {told}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_by_line_and_twenty_at_most() {
    let found = refusal("[[numbers]]\nassistant = \"a\"\n[[users]]\nemail = \"x\"\nrole = \"x\"\n");
    let lines: Vec<_> = found.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["line 1", "line 2", "line 4", "line 5"], "{found}");
    assert_eq!(refusal(&"[[users]]\n".repeat(30)).lines().count(), 20);
    let broken = refusal("a = \nb = \nc = 3\n");
    assert!(broken.starts_with("line 1: ") && broken.contains("\nline 2: "), "{broken}");
}

#[test]
fn a_key_that_somebody_else_has_is_refused_with_its_line_and_nothing_is_stored() {
    let store = store();
    let text = "\n[[users]]\nemail = \"a@b\"\nrole = \"admin\"\n[[api_keys]]\nname = \"k\"\nsecret = \"sl_live_0123456789abcdef0123456789abcdef\"\n";
    make(&store, "first", text);
    let before = (exported(&store, ORGANIZATION), store.directory().organizations().len());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let again =
        runtime.block_on(seeds::make(&store, ("second", OrganizationId(0)), &seed(text), &mut counted()));
    assert_eq!(again.unwrap_err().to_string(), "line 5: api_keys.secret: it is the secret of another key");
    let into = seeds::apply(&store, ORGANIZATION, &seed(text), &mut counted());
    assert_eq!(into.unwrap_err().to_string(), "line 5: api_keys.secret: it is the secret of another key");
    assert_eq!((exported(&store, ORGANIZATION), store.directory().organizations().len()), before);
}
