//! Reads the configuration file. Complaints name file, line and key; none quotes a line, for it may hold a
//! secret.

use super::keys::{KEYS, Key};
use super::kinds::Given;
use super::sources::{Found, did_you_mean};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Reads the file called `name` in `dir`. One that nobody asked for (`required` is false) may be missing:
/// `false`.
pub(super) fn read(found: &mut Found, dir: &Path, name: &str, required: bool) -> bool {
    let mut text = String::new();
    let mut open = || {
        let mut file = File::open(dir.join(name))?;
        file.read_to_string(&mut text)?;
        file.metadata()
    };
    let metadata = match open() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => return false,
        Err(error) => {
            found.error(format!("cannot read {name}: {error}"));
            return false;
        }
    };
    let (root, errors) = DeTable::parse_recoverable(&text);
    let mut reader = Reader { found, name, text: &text };
    if errors.is_empty() {
        reader.walk("", root.get_ref());
        reader.warn_if_others_can_read(&metadata);
    }
    for error in errors {
        let place = reader.place(error.span().map_or(0, |span| span.start));
        reader.found.error(format!("{place}: {}", error.message()));
    }
    true
}

struct Reader<'a> {
    found: &'a mut Found,
    name: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    /// `smslite.toml:3`
    fn place(&self, offset: usize) -> String {
        let newlines = self.text.bytes().take(offset).filter(|&byte| byte == b'\n');
        format!("{}:{}", self.name, newlines.count() + 1)
    }

    /// Takes what stands in a table, the root's name being empty.
    fn walk(&mut self, table: &str, entries: &DeTable<'_>) {
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let place = self.place(name.span().start);
            let dot = if table.is_empty() { "" } else { "." };
            let full = format!("{table}{dot}{}", name.get_ref());
            // A quoted name may have dots of its own; no key has.
            let quoted = name.get_ref().contains('.');
            let key = KEYS.iter().find(|key| key.name == full && !quoted);
            let is_table = !full.is_empty() && KEYS.iter().any(|key| key.split().0 == full);
            match (key, value.get_ref()) {
                (Some(key), value_here) => {
                    let written = self.text.get(value.span()).and_then(|text| text.lines().next());
                    let shown = if value_here.is_table() { "a table" } else { written.unwrap_or_default() };
                    self.found.take(key, &given(value_here), shown, place);
                }
                (None, DeValue::Table(inner)) if is_table => {
                    self.walk(&full, inner);
                }
                (None, _) if is_table => {
                    self.found.error(format!("{place}: {full} must be a table"));
                }
                (None, value) => {
                    let noun = if value.is_table() { "table" } else { "key" };
                    let hint = nearest(table, name.get_ref(), value.is_table());
                    self.found.error(format!("{place}: unknown {noun} {full:?}{hint}"));
                }
            }
        }
    }

    #[cfg(unix)]
    fn warn_if_others_can_read(&mut self, metadata: &std::fs::Metadata) {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        let is_set = |key: &&Key| !self.found.values[key.name].0.is_empty();
        let secrets = KEYS.iter().filter(|key| key.secret).filter(is_set);
        let secrets: Vec<_> = secrets.map(|key| key.name).collect();
        if mode & 0o077 != 0 && !secrets.is_empty() {
            let (name, secrets) = (self.name, secrets.join(", "));
            self.found.warnings.push(format!(
                "{name} holds {secrets} and others may read it (mode {mode:o}); chmod 600 {name}"
            ));
        }
    }

    #[cfg(not(unix))]
    fn warn_if_others_can_read(&mut self, _: &std::fs::Metadata) {}
}

/// Compares names without their tables, since a key is easily put under the wrong header; of equal ones, that
/// of the same table goes first.
fn nearest(table: &str, name: &str, wants_table: bool) -> String {
    let mut known: Vec<_> = KEYS.iter().collect();
    known.sort_by_key(|key| key.split().0 == table);
    let known = known.iter().map(|key| match (key.split(), wants_table) {
        ((table, _), true) => (table, format!("{table:?}")),
        ((_, bare), false) => (bare, format!("{:?}", key.name)),
    });
    did_you_mean(name, known)
}

fn given<'a>(value: &'a DeValue<'_>) -> Given<'a> {
    match value {
        DeValue::String(text) => Given::Text(text),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Given::Integer(number.to_string()),
            Err(_) => Given::Other,
        },
        DeValue::Boolean(on) => Given::Boolean(*on),
        DeValue::Array(items) => {
            let texts: Option<_> = items.iter().map(|item| item.get_ref().as_str()).collect();
            texts.map_or(Given::Other, Given::List)
        }
        _ => Given::Other,
    }
}
