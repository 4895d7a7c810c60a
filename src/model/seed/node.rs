//! A seed's text as a tree that knows its lines, the same whether it was TOML or JSON.

use super::complaint::SeedErrors;
use super::{json, toml};
use serde_json::{Map, Number, Value};

/// A longer seed is refused.
pub const MAX_SEED_BYTES: usize = 4 * 1024 * 1024;
/// Deeper tables and lists are refused.
pub(super) const MOST_DEPTH: usize = 32;

/// A value and the line where it begins; of a TOML table with a header of its own, the header's.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub line: u32,
    pub value: NodeValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// Of JSON; the same as left out.
    Null,
    Flag(bool),
    Number(Number),
    /// A TOML time too, as it was written.
    Text(String),
    List(Vec<Node>),
    /// In the order of the text; each name once.
    Table(Vec<Entry>),
}

/// `name = value`, and the line of the name.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub line: u32,
    pub name: String,
    pub node: Node,
}

impl Node {
    /// Reads TOML, or JSON if the text begins with `{`. The root is a table.
    pub fn parse(text: &str) -> Result<Node, SeedErrors> {
        if text.len() > MAX_SEED_BYTES {
            return Err(SeedErrors::one(1, format!("the seed is longer than {} MiB", MAX_SEED_BYTES >> 20)));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim_start().starts_with('{') { json::parse(text) } else { toml::parse(text) }
    }

    /// What stands there, for complaints.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Null => "null",
            NodeValue::Flag(_) => "a truth value",
            NodeValue::Number(_) => "a number",
            NodeValue::Text(_) => "a text",
            NodeValue::List(_) => "a list",
            NodeValue::Table(_) => "a table",
        }
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Flag(flag) => Value::Bool(*flag),
            NodeValue::Number(number) => Value::Number(number.clone()),
            NodeValue::Text(text) => Value::String(text.clone()),
            NodeValue::List(nodes) => nodes.iter().map(Node::to_json).collect(),
            NodeValue::Table(entries) => Value::Object(entries_to_json(entries)),
        }
    }
}

pub(super) fn entries_to_json<'n>(entries: impl IntoIterator<Item = &'n Entry>) -> Map<String, Value> {
    entries.into_iter().map(|entry| (entry.name.clone(), entry.node.to_json())).collect()
}

/// Tells the line of a place in a text.
pub(super) struct LineIndex(Vec<usize>);

impl LineIndex {
    pub(super) fn new(text: &str) -> LineIndex {
        LineIndex(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    pub(super) fn line(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|newline| *newline < offset);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}
