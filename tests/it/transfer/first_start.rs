//! What the first start made gives way to the input's, where there is nothing else yet.

use super::*;
use smslite::model::account::Usage;
use smslite::model::ids::{ApiKeyId, UserId};

fn user(id: u64, email: &str, role: &str) -> String {
    format!(
        "{{\"type\":\"user\",\"id\":{id},\"email\":\"{email}\",\"role\":\"{role}\",\"created_at\":\"2026-01-01\"}}\n"
    )
}

fn key(id: u64, user_id: u64, byte: u8) -> String {
    let hash = format!("{byte:02x}").repeat(32);
    format!(
        "{{\"type\":\"api_key\",\"id\":{id},\"user_id\":{user_id},\"name\":\"k{id}\",\"key_prefix\":\"sl_live_k\",\"key_hash\":\"{hash}\",\"role\":\"admin\",\"created_at\":\"2026-01-01\"}}\n"
    )
}

fn emails(store: &Store) -> Vec<(u64, String)> {
    let users = store.snapshot().unwrap().users(ORGANIZATION).unwrap();
    users.into_iter().map(|(id, user)| (id.0, user.email)).collect()
}

fn key_of(store: &Store, byte: u8) -> Option<ApiKeyId> {
    store.directory().key(&KeyHash([byte; 32])).map(|owner| owner.key_id)
}

#[test]
fn the_first_user_and_key_give_way_and_the_key_is_refused_at_once() {
    let store = store();
    let organization = r#"{"type":"organization","slug":"default","name":"Acme","created_at":"2026-01-01"}"#;
    let text = format!("{organization}\n{}{}", user(1, "ann@example.com", "admin"), key(1, 1, 1));
    let summary = import(&store, &text).unwrap();
    assert_eq!((summary.stored, summary.replaced), (3, 3));
    assert_eq!(emails(&store), [(1, "ann@example.com".to_owned())]);
    assert_eq!((key_of(&store, 7), key_of(&store, 1)), (None, Some(ApiKeyId(1))));
    let (_, organization) = store.directory().organizations().remove(0);
    assert_eq!((organization.name.as_str(), organization.created_at), ("Acme", at("2026-01-01")));
    let again = import(&store, &text).unwrap();
    assert_eq!((again.stored, again.skipped, again.replaced), (0, 3, 0));
    // They do not give way a second time.
    let error = refusal(&store, &user(1, "eve@example.com", "admin"));
    assert_eq!(error, "line 1: user 1 is there already, and with another email");
}

#[test]
fn what_they_had_may_be_anothers_in_the_input() {
    let store = store();
    let users = user(1, "ann@example.com", "admin") + &user(2, "admin@localhost", "user");
    let keys = key(1, 1, 1) + &key(3, 2, 7);
    assert_eq!(imported(&store, &format!("{users}{keys}")), (4, 0));
    assert_eq!(emails(&store)[1], (2, "admin@localhost".to_owned()));
    assert_eq!((key_of(&store, 1), key_of(&store, 7)), (Some(ApiKeyId(1)), Some(ApiKeyId(3))));
    // Without a line about key 1 there is nothing that it gives way to.
    let error = refusal(&super::store(), &format!("{users}{}", key(3, 2, 7)));
    assert_eq!(error, "line 3: key_hash: it is that of api key 1 already");
}

#[test]
fn an_organization_that_holds_something_keeps_its_accounts() {
    let held = [
        PARENTS.to_owned(),
        r#"{"type":"message_log","id":1,"provider":"telnyx","provider_message_id":"T1","direction":"outbound","from_number":"72345","to_number":"ACME","body":"a","status":"sent","created_at":"2020-04-30T11:00:00Z"}"#.to_owned(),
        r#"{"type":"audit_event","id":1,"timestamp":"2026-04-30","event_type":"a","message":"b"}"#.to_owned(),
    ];
    for held in held {
        let store = store();
        imported(&store, &held);
        let error = refusal(&store, &user(1, "ann@example.com", "admin"));
        assert_eq!(error, "line 1: user 1 is there already, and with another created_at", "{held}");
        let error = refusal(&store, &key(1, 1, 1));
        assert_eq!(error, "line 1: api key 1 is there already, and with another created_at", "{held}");
    }
}

#[test]
fn a_user_that_somebody_made_gives_way_to_nobody() {
    let store = store();
    imported(&store, &user(2, "bob@example.com", "user"));
    let error = refusal(&store, &user(2, "eve@example.com", "user"));
    assert_eq!(error, "line 1: user 2 is there already, and with another email");
}

#[test]
fn how_accounts_were_used_moves_with_them() {
    let store = store();
    let used = |line: String, count: &str, last: &str| {
        let usage = format!("\"{count}\":7,\"{last}\":\"2026-02-01T00:00:00Z\",\"role\"");
        line.replace("\"role\"", &usage)
    };
    let ann = user(1, "ann@example.com", "admin");
    let text = used(ann.clone(), "login_count", "last_login_at")
        + &used(key(1, 1, 1), "usage_count", "last_used_at");
    assert_eq!(imported(&store, &text), (2, 0));
    let usage = Usage { count: 7, last_used_at: Some(at("2026-02-01")) };
    assert_eq!(store.directory().key(&KeyHash([1; 32])).unwrap().usage.read(), usage);
    assert_eq!(store.snapshot().unwrap().sign_ins(ORGANIZATION, UserId(1)).unwrap(), usage);
    // What happened since is no difference.
    assert_eq!(imported(&store, &(ann + &key(1, 1, 1))), (0, 2));
}
