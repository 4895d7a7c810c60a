//! JSON to a tree that knows its lines. Each table and list is taken apart into its members' texts, whose places in the
//! whole tell the lines.

use super::complaint::{Complaints, SeedErrors};
use super::node::{Entry, LineIndex, MOST_DEPTH, Node, NodeValue};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

pub(super) fn parse(text: &str) -> Result<Node, SeedErrors> {
    let whole = serde_json::from_str::<&RawValue>(text)
        .map_err(|error| SeedErrors::one(u32::try_from(error.line()).unwrap_or(u32::MAX), said(&error)))?;
    let reader = Reader { text, lines: LineIndex::new(text), complaints: Complaints::default() };
    let root = reader.node(whole.get(), 0);
    reader.complaints.end()?;
    Ok(Node { line: 1, ..root })
}

/// The parser's words without the place, which is told before them.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let said = text.split_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    format!("not JSON: {said} (column {})", error.column())
}

struct Reader<'t> {
    text: &'t str,
    lines: LineIndex,
    complaints: Complaints,
}

impl<'t> Reader<'t> {
    fn offset(&self, part: &str) -> usize {
        part.as_ptr() as usize - self.text.as_ptr() as usize
    }

    /// `raw`: a part of the text.
    fn node(&self, raw: &'t str, depth: usize) -> Node {
        let line = self.lines.line(self.offset(raw));
        let value = if depth > MOST_DEPTH {
            Err("nested too deeply".to_owned())
        } else {
            let read = match raw.as_bytes().first() {
                Some(b'{') => serde_json::from_str(raw).map(|Pairs(pairs)| self.entries(pairs, depth)),
                Some(b'[') => serde_json::from_str::<Vec<&'t RawValue>>(raw).map(|values| {
                    let nodes = values.into_iter().map(|value| self.node(value.get(), depth + 1));
                    NodeValue::List(nodes.collect())
                }),
                _ => serde_json::from_str(raw).map(scalar),
            };
            read.map_err(|error| said(&error))
        };
        let value = value.unwrap_or_else(|what| {
            self.complaints.add(line, what);
            NodeValue::Null
        });
        Node { line, value }
    }

    fn entries(&self, pairs: Vec<(Cow<'t, str>, &'t RawValue)>, depth: usize) -> NodeValue {
        let mut known = HashSet::new();
        let mut entries = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let value = value.get();
            // Between a name and its value are a colon and blanks.
            let before = self.text[..self.offset(value)].trim_end().trim_end_matches(':').trim_end();
            let line = self.lines.line(before.len().saturating_sub(1));
            if !known.insert(name.clone()) {
                self.complaints.add(line, format!("duplicate key `{name}`"));
            }
            let node = self.node(value, depth + 1);
            entries.push(Entry { line, name: name.into_owned(), node });
        }
        NodeValue::Table(entries)
    }
}

fn scalar(value: Value) -> NodeValue {
    match value {
        Value::Bool(flag) => NodeValue::Flag(flag),
        Value::Number(number) => NodeValue::Number(number),
        Value::String(text) => NodeValue::Text(text),
        _ => NodeValue::Null,
    }
}

/// The members of an object as they stand, those of one name too.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'de>, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    pairs.push((name, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
