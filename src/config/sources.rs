//! Collects what was said: by default, then in the environment, then by flags (the file has a module of its
//! own), each checked by itself, the later one winning. It stops at no error, so that all can be told at once.

use super::Environment;
use super::keys::{Flag, KEYS, Key};
use super::kinds::Given;
use clap::ArgMatches;
use std::collections::BTreeMap;
use std::path::Path;

/// By a key's name: its checked texts, and who said them (`default`, `smslite.toml:3`, `env SMSLITE_PORT`,
/// `flag --port`).
pub(super) type Values = BTreeMap<&'static str, (Vec<String>, String)>;

#[derive(Default)]
pub(super) struct Found {
    pub(super) values: Values,
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Variables that are no keys, and whether they have a `_FILE` twin.
const OTHER_VARIABLES: [(&str, bool); 6] = [
    ("SMSLITE_CONFIG", false),
    ("SMSLITE_BOOTSTRAP_API_KEY", true),
    ("SMSLITE_ADMIN_EMAIL", true),
    ("SMSLITE_ADMIN_PASSWORD", true),
    // Of the Python package in clients/, which starts this program or is told where it runs.
    ("SMSLITE_BINARY", false),
    ("SMSLITE_URL", false),
];

impl Found {
    pub(super) fn with_defaults() -> Found {
        let mut found = Found::default();
        for key in KEYS {
            found.take(key, &Given::Said(key.default), "", String::from("default"));
        }
        found
    }

    pub(super) fn error(&mut self, message: String) {
        self.errors.push(message);
    }

    /// Checks a value and lets it win over what was said before. `shown` is the value as an error quotes it.
    pub(super) fn take(&mut self, key: &'static Key, given: &Given<'_>, shown: &str, source: String) {
        if let Some(items) = key.kind.check(given, key.default.is_empty()) {
            self.values.insert(key.name, (items, source));
            return;
        }
        let but = if key.secret { String::new() } else { format!(", not {shown}") };
        let must = key.kind.expectation();
        self.error(format!("{source}: {} must be {must}{but}", key.name));
    }

    fn take_said(&mut self, key: &'static Key, text: &str, source: String) {
        self.take(key, &Given::Said(text), &format!("{text:?}"), source);
    }

    pub(super) fn read_environment(&mut self, env: &Environment, dir: &Path) {
        for key in KEYS {
            if let Some((text, name)) = self.variable(env, dir, &key.variable(), key.secret) {
                self.take_said(key, &text, format!("env {name}"));
            }
        }
        let others = OTHER_VARIABLES.map(|(name, twin)| (name.to_owned(), twin));
        let known: Vec<String> = (KEYS.iter().map(|key| (key.variable(), key.secret)))
            .chain(others)
            .flat_map(|(name, twin)| [twin.then(|| format!("{name}_FILE")), Some(name)])
            .flatten()
            .collect();
        let ours = env.keys().filter(|name| name.starts_with("SMSLITE_"));
        for name in ours.filter(|name| !known.contains(name)) {
            let hint = did_you_mean(name, known.iter().map(|known| (known.as_str(), known.clone())));
            self.warnings.push(format!("unknown environment variable {name}{hint}"));
        }
    }

    /// What a variable or, when it has one, its `_FILE` twin says, and which of the two. An empty variable
    /// says nothing.
    pub(super) fn variable(
        &mut self,
        env: &Environment,
        dir: &Path,
        name: &str,
        twin: bool,
    ) -> Option<(String, String)> {
        let get = |name: &str| env.get(name).filter(|text| !text.is_empty());
        let file = format!("{name}_FILE");
        let path = match (get(name), get(&file).filter(|_| twin)) {
            (text, None) => return text.map(|text| (text.clone(), name.to_owned())),
            (None, Some(path)) => path,
            (Some(_), Some(_)) => {
                self.error(format!("{name} and {file} are both set; keep one"));
                return None;
            }
        };
        let text = match std::fs::read_to_string(dir.join(path)) {
            Ok(text) => text,
            Err(error) => {
                self.error(format!("{file}: cannot read {path}: {error}"));
                return None;
            }
        };
        let trimmed = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n'));
        let text = trimmed.unwrap_or(&text);
        if text.is_empty() {
            self.error(format!("{file}: {path} is empty"));
            return None;
        }
        Some((text.to_owned(), file))
    }

    pub(super) fn read_flags(&mut self, matches: &ArgMatches) {
        for key in KEYS.iter().filter(|key| key.flag != Flag::None) {
            if let Some(text) = flag(matches, key.name) {
                self.take_said(key, &text, format!("flag --{}", key.long_flag()));
            }
        }
    }
}

/// What a flag says, wherever between the program's name and the innermost command it stands; the innermost
/// wins. A command that has no such flag says nothing.
pub(super) fn flag(matches: &ArgMatches, id: &str) -> Option<String> {
    let inner = matches.subcommand().and_then(|(_, inner)| flag(inner, id));
    inner.or_else(|| {
        let said: Vec<&String> = matches.try_get_many(id).ok()??.collect();
        Some(said.iter().map(|text| text.as_str()).collect::<Vec<_>>().join(","))
    })
}

/// The end of a complaint about a name. Of what is known, `(as compared, as shown)`, it offers the most
/// similar, the last of equals; nothing when none is similar at all.
pub(super) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = (&'a str, String)>) -> String {
    let scored = known.map(|(known, shown)| (strsim::jaro_winkler(name, known), shown));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.0);
    best.map(|(_, shown)| format!("; did you mean {shown}?")).unwrap_or_default()
}
