//! What the documents and the demo show can be used.

use super::*;
use serde_json::Value;

fn document() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/seeds.md")).unwrap()
}

/// The text that is fenced as this language.
fn example(language: &str) -> String {
    let document = document();
    let (_, after) = document.split_once(&format!("```{language}\n")).unwrap();
    after.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_documented_example_says_the_same_in_both_languages() {
    let [toml, json] = ["toml", "json"].map(|language| {
        let (store, text) = (store(), example(language));
        let (organization, applied) = make(&store, "acme", &text);
        // Settings of a world are not what is stored.
        let seed = seed(&text);
        let settings = format!("{:?}", (seed.clock, seed.random, seed.receipts, seed.retention, seed.now));
        (exported(&store, organization), applied, settings)
    });
    assert_eq!(toml, json);
    assert!(toml.2.contains("Some(7)") && toml.2.contains("logs_days: Some(30)"), "{}", toml.2);
}

#[test]
fn the_documented_example_is_what_it_says() {
    let store = store();
    let (organization, applied) = make(&store, "acme", &example("toml"));
    let lines: Vec<Value> =
        exported(&store, organization).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str, field: &str| {
        let of_kind = lines.iter().filter(|line| line["type"] == kind);
        of_kind.map(|line| line[field].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of("organization", "name"), ["Acme Dental"]);
    assert_eq!(of("api_key", "role"), ["admin", "viewer"]);
    assert_eq!(of("assistant", "language"), ["-", "en"]);
    assert_eq!(of("call", "status"), ["active", "completed", "completed"]);
    let at = ["08:00:00", "08:00:30", "09:58:30"].map(|time| format!("2026-04-30T{time}Z"));
    assert_eq!(of("message", "timestamp")[..3], at);
    assert_eq!(of("message_log", "status"), ["received", "delivered", "received", "undelivered"]);
    assert_eq!(of("message_log", "provider"), ["sandbox", "sandbox", "sandbox", "twilio"]);
    assert_eq!(of("opt_out", "opted_out_at"), ["2026-04-27T10:00:00Z"]);
    assert_eq!(applied.conversations.len(), 3);
}

/// A table row of `docs/seeds.md` names each key that a seed may have.
#[test]
fn every_key_is_documented() {
    let document = document();
    let sources =
        ["seed.rs", "seed/accounts.rs", "seed/answering.rs", "seed/conversations.rs", "seed/messages.rs"];
    for source in sources {
        let path = format!("{}/src/model/{source}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for getter in
            ["text", "owned", "flag", "number", "texts", "parsed", "kind", "word", "node", "nodes", "tables"]
        {
            for rest in text.split(&format!(".{getter}(\"")).skip(1) {
                let key = rest.split('"').next().unwrap();
                assert!(document.contains(&format!("`{key}`")), "{source}: {key} is not in docs/seeds.md");
            }
        }
    }
}
