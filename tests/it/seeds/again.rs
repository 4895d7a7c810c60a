//! Applied once more, a seed changes nothing; into an organization that has something, only what is lacking.

use super::*;

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
