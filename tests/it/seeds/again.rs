//! Applied once more, a seed changes nothing; into an organization that has something, only what is lacking.

use super::*;
use smslite::model::assistant::AssistantChange;
use smslite::model::ids::{AssistantId, CallId, UserId};
use smslite::store::{ArchiveConversation, UpdateAssistant};

const SEED: &str = r#"
name = "Acme"

[[users]]
email = "ops@acme.example"
role = "admin"
password = "correct horse"

[[api_keys]]
name = "tests"
secret = "sl_live_0123456789abcdef0123456789abcdef"

[[api_keys]]
name = "made up"
role = "viewer"

[[assistants]]
name = "Support"
auto_reply = "echo"
color = "red"

[[numbers]]
number = "+15551234567"
assistant = "Support"

[[carriers]]
provider = "twilio"
account_id = "AC1"
secret = "secret"

[[conversations]]
customer = "+15550100001"
number = "+15551234567"
started = "2h ago"
messages = [
    { role = "user", content = "Hello?" },
    { role = "assistant", content = "Hello!" },
]

[[conversations]]
customer = "+15550100001"
assistant = "Support"
messages = [{ role = "user", content = "Me again" }]

[[conversations]]
customer = "+15550100002"
assistant = "Support"
archived = true
messages = [{ role = "user", content = "Gone" }]

[[conversations]]
customer = "+15550100001"
assistant = "Support"
channel = "voice"
duration = 60
started = "1d ago"

[[opt_outs]]
number = "+15551234567"
customer = "+15550100003"
at = "1h ago"
"#;

#[test]
fn a_seed_applied_twice_is_as_if_applied_once() {
    let store = store();
    let first = apply(&store, SEED);
    let before = exported(&store, ORGANIZATION);
    let second = apply(&store, SEED);
    assert_eq!(second.stored, 0);
    assert_eq!(exported(&store, ORGANIZATION), before);
    assert_eq!((first.conversations, first.users), (second.conversations, second.users));
}

#[test]
fn an_organization_that_is_made_of_a_seed_holds_what_one_that_is_given_it_does() {
    let store = store();
    let made = make(&store, "acme", &SEED.replace("0123456789abcdef0123456789abcdef", &"b".repeat(32)));
    assert_eq!((made.0, made.1.conversations.len()), (OrganizationId(2), 4));
    let before = exported(&store, made.0);
    let again = seeds::apply(&store, made.0, &seed(SEED), &mut counted()).unwrap();
    assert_eq!(again.stored, 1, "but for the key with another secret");
    assert!(
        exported(&store, made.0).starts_with(before.split("{\"type\":\"carrier_account").next().unwrap())
    );
}

#[test]
fn relative_times_and_what_became_of_it_since_make_nothing_new() {
    let store = store();
    let first = apply(&store, SEED);
    let later = Base { now: now().plus_seconds(3 * DAY), ..base() };
    // The customer has written since, one conversation was archived, the assistant has another URL.
    let renamed = AssistantChange { sms_webhook_url: Some(Some("http://x".into())), ..Default::default() };
    let (id, now) = (AssistantId(1), later.now);
    store.execute_blocking(UpdateAssistant { organization: ORGANIZATION, id, change: renamed, now }).unwrap();
    let archive = ArchiveConversation { organization: ORGANIZATION, call_id: CallId(1), rows: 100, now };
    store.execute_blocking(archive).unwrap();
    let before = exported(&store, ORGANIZATION);
    let seed = Seed::parse(SEED, later).unwrap();
    let again = seeds::apply(&store, ORGANIZATION, &seed, &mut counted()).unwrap();
    assert_eq!((again.stored, &again.conversations), (0, &first.conversations));
    assert_eq!(exported(&store, ORGANIZATION), before);
}

#[test]
fn only_what_is_lacking_is_made() {
    let store = store();
    let few = "assistants = [{ name = \"Support\" }]\nnumbers = [{ number = \"+15551234567\" }]\n";
    assert_eq!(apply(&store, few).stored, 2);
    let applied = apply(&store, SEED);
    assert_eq!(applied.assistants, [("Support".to_owned(), AssistantId(1))]);
    assert_eq!(applied.numbers[0].1, None, "a number that is there stays whose it is");
    assert_eq!(applied.conversations, [1, 2, 3, 4].map(CallId));
    let more = format!("{SEED}[[conversations]]\ncustomer = \"+15550100001\"\nassistant = \"Support\"\n");
    let more = apply(&store, &more);
    assert_eq!((more.stored, more.conversations.last()), (1, Some(&CallId(5))));
}

#[test]
fn a_made_organization_has_an_admin_and_a_key_whatever_the_seed_says() {
    let store = store();
    let (first, applied) = make(&store, "first", "");
    let key = &applied.keys[0];
    assert_eq!((key.role, key.made_up, applied.users[0].0.as_str()), (Role::Admin, true, "admin@localhost"));
    let owner = store.directory().key(&KeyHash::of(key.secret.as_deref().unwrap())).unwrap();
    assert_eq!((owner.organization, owner.key_id), (first, key.id));
    let (_, applied) = make(
        &store,
        "second",
        "users = [{ email = \"a@b\" }]\napi_keys = [{ name = \"k\", user = \"a@b\", secret = \"sl_live_0123456789abcdef0123456789abcdef\" }]",
    );
    assert_eq!(applied.users.len(), 2);
    assert_eq!((applied.keys[0].role, applied.keys[0].user_id), (Role::User, UserId(1)));
}

#[test]
fn a_conversation_lives_or_is_over_as_its_times_or_the_seed_say() {
    for (said, status, ended) in [
        ("started = \"1h ago\"", "active", "-"),
        ("started = \"2d ago\"", "completed", "2026-04-29T12:00:00Z"),
        ("started = \"2d ago\"\nstatus = \"active\"", "active", "-"),
        ("started = \"1h ago\"\nstatus = \"completed\"", "completed", "2026-04-30T11:00:00Z"),
        ("started = \"1h ago\"\nended = \"-30m\"", "completed", "2026-04-30T11:30:00Z"),
        ("started = \"2d ago\"\nstatus = \"completed\"", "completed", "2026-04-29T12:00:00Z"),
        ("started = \"1h ago\"\narchived = true", "completed", "2026-04-30T11:00:00Z"),
    ] {
        let store = store();
        let conversation = "[[conversations]]\ncustomer = \"+15550100001\"\nassistant = \"A\"";
        let text = "messages = [{ role = \"user\", content = \"Hello?\" }]";
        let parents =
            "assistants = [{ name = \"A\" }]\nnumbers = [{ number = \"+15551234567\", assistant = \"A\" }]";
        apply(&store, &format!("{parents}\n{conversation}\n{said}\n{text}\n"));
        let lines = exported(&store, ORGANIZATION);
        let call = lines.lines().find(|line| line.starts_with("{\"type\":\"call\"")).unwrap();
        let call: serde_json::Value = serde_json::from_str(call).unwrap();
        let found = (call["status"].as_str().unwrap(), call["ended_at"].as_str().unwrap_or("-"));
        assert_eq!(found, (status, ended), "{said}");
    }
}
