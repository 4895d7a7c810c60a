//! What was said of each setting, and by whom, for people to read. It holds no secret.

use super::keys::{KEYS, Key};
use super::sources::Values;

#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The file that was read, as it was named.
    pub file: Option<String>,
    /// Key, value as people may see it, who said it; in the order of the table.
    pub values: Vec<(&'static str, String, String)>,
}

impl Said {
    pub(super) fn of(values: &Values) -> Said {
        let show = |key: &Key| {
            let (items, source) = &values[key.name];
            let value = match (items.is_empty(), key.secret) {
                (true, _) => String::from("(not set)"),
                (false, true) => String::from("(set, hidden)"),
                (false, false) => items.join(", "),
            };
            (key.name, value, source.clone())
        };
        Said { file: None, values: KEYS.iter().map(show).collect() }
    }

    /// Something else than what was said is in force, by the way that the server was started.
    pub fn overrule(&mut self, key: &str, value: &str, source: &str) {
        for said in self.values.iter_mut().filter(|(known, _, _)| *known == key) {
            (said.1, said.2) = (value.to_owned(), source.to_owned());
        }
    }
}
