//! No text makes reading a seed panic, hang or overflow.

use super::*;
use proptest::prelude::*;

#[test]
fn deep_wide_and_long_texts_are_refused_or_taken() {
    let deep = |open: &str, close: &str, n| format!("{{\"a\": {}{}}}", open.repeat(n), close.repeat(n));
    for text in [
        deep("[", "]", 100_000),
        deep("{\"a\":", "}", 100_000).replace(":}", ":1}"),
        deep("[", "]", 30),
        format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a{} = 1", ".a".repeat(10_000)),
        format!("{{{}}}", (0..100_000).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(",")),
        format!("name = \"{}\"", "x".repeat(5 << 20)),
        "\u{feff}".to_owned(),
        "{".to_owned(),
        "{}x".to_owned(),
        "\0".to_owned(),
        "name = \"\u{0}\"".to_owned(),
    ] {
        let _ = Seed::parse(&text, base());
    }
}

#[test]
fn nothing_at_all_is_a_seed() {
    for text in ["", "# nothing\n", "{}", " \n{ }\n"] {
        assert!(seed(text).records.is_empty(), "{text:?}");
    }
}

/// Parts of seeds, some of which fit together.
fn parts() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "[[users]]\n",
        "[[api_keys]]\n",
        "[[assistants]]\n",
        "[[numbers]]\n",
        "[[conversations]]\n",
        "[[opt_outs]]\n",
        "[[carriers]]\n",
        "[retention]\n",
        "email = \"a@b\"\n",
        "name = \"A\"\n",
        "number = \"+15551234567\"\n",
        "customer = \"+15550100001\"\n",
        "assistant = \"A\"\n",
        "messages = [{ role = \"user\", content = \"a\" }]\n",
        "messages = [{}, 3, []]\n",
        "started = \"-1h\"\n",
        "started = 1979-05-27\n",
        "status = \"active\"\n",
        "clock = 9999-12-31T23:59:59Z\n",
        "x = nan\n",
        "logs_days = 0x10\n",
        "archived = true\n",
        "provider = \"twilio\"\n",
        "secret = \"s\"\n",
        "at = \"99999999w ago\"\n",
        "ended = \"now\"\n",
        "channel = \"voice\"\n",
        "duration = 18446744073709551615\n",
        "session_ttl_seconds = 5\n",
        "{",
        "}",
        "\"",
        "\n",
    ]);
    prop::collection::vec(part, 0..25).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = Seed::parse(&text, base());
        let _ = Seed::parse(&format!("{{{text}}}"), base());
    }

    #[test]
    fn whatever_parts_make_is_read_and_stored_or_refused(text in parts()) {
        if let Ok(seed) = Seed::parse(&text, base()) {
            let store = store();
            seeds::apply(&store, ORGANIZATION, &seed, &mut counted()).unwrap();
            sound(&store);
            let again = seeds::apply(&store, ORGANIZATION, &seed, &mut counted()).unwrap();
            prop_assert_eq!(again.stored, 0);
        }
    }
}
