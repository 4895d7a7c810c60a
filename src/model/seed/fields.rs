//! Reads a table of a seed key by key, and complains about what cannot be read and what is not known. Whoever asks for
//! a key knows it: the keys that were asked for are what an unknown one may have meant.

use super::complaint::{Complaint, Complaints};
use super::node::{Entry, Node, NodeValue};
use crate::model::transfer::did_you_mean;

pub struct Fields<'n> {
    /// What the table is called in complaints: `assistants`. The root has no name.
    noun: &'static str,
    pub line: u32,
    entries: &'n [Entry],
    asked: Vec<&'static str>,
    complaints: &'n Complaints,
}

impl<'n> Fields<'n> {
    /// `None`, and a complaint: it is no table.
    pub fn of(node: &'n Node, noun: &'static str, complaints: &'n Complaints) -> Option<Fields<'n>> {
        match &node.value {
            NodeValue::Table(entries) => {
                Some(Fields { noun, line: node.line, entries, asked: Vec::new(), complaints })
            }
            _ => {
                complaints.add(node.line, format!("{noun}: expected a table, found {}", node.kind()));
                None
            }
        }
    }

    fn called(&self, name: &str) -> String {
        if self.noun.is_empty() { name.to_owned() } else { format!("{}.{name}", self.noun) }
    }

    /// Complains about the value of `name`, which stands on its line.
    pub fn complain(&self, name: &str, what: impl AsRef<str>) {
        let line = self.entries.iter().find(|entry| entry.name == name).map_or(self.line, |entry| entry.line);
        self.complaints.add(line, format!("{}: {}", self.called(name), what.as_ref()));
    }

    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name && entry.node.value != NodeValue::Null)
    }

    /// Which of these keys are said, and where.
    pub(super) fn said(&self, names: &[&str]) -> Vec<Complaint> {
        let said = self.entries.iter().filter(|entry| names.contains(&entry.name.as_str()));
        said.map(|entry| Complaint { line: entry.line, message: entry.name.clone() }).collect()
    }

    /// The value, unless it is left out.
    pub fn node(&mut self, name: &'static str) -> Option<&'n Node> {
        self.asked.push(name);
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        Some(&entry.node).filter(|node| node.value != NodeValue::Null)
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&'n Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(name)?;
        let value = read(node);
        if value.is_none() {
            let found = if node.kind() == expected { "another" } else { node.kind() };
            self.complain(name, format!("expected {expected}, found {found}"));
        }
        value
    }

    pub fn text(&mut self, name: &'static str) -> Option<&'n str> {
        self.read(name, "a text", as_text)
    }

    pub fn owned(&mut self, name: &'static str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.read(name, "a truth value", |node| match node.value {
            NodeValue::Flag(flag) => Some(flag),
            _ => None,
        })
    }

    /// A whole number of no less than 0.
    pub fn number(&mut self, name: &'static str) -> Option<u64> {
        self.read(name, "a whole number from 0 on", |node| match &node.value {
            NodeValue::Number(number) => number.as_u64(),
            _ => None,
        })
    }

    pub fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        self.read(name, "a list of texts", |node| match &node.value {
            NodeValue::List(nodes) => nodes.iter().map(|node| as_text(node).map(str::to_owned)).collect(),
            _ => None,
        })
    }

    /// Text that stands for something else; the error says what is wrong with it.
    pub fn parsed<T, E: ToString>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        parse(text).map_err(|error| self.complain(name, error.to_string())).ok()
    }

    /// One of some words.
    pub fn word<T: Copy>(&mut self, name: &'static str, known: &[(&'static str, T)]) -> Option<T> {
        self.parsed(name, |text| {
            let words = known.iter().map(|(word, _)| *word);
            let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
            found.ok_or_else(|| {
                let near = did_you_mean(text, words.clone());
                let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
                format!("{text:?} is none of {}{near}", words.join(", "))
            })
        })
    }

    /// As [`Fields::word`], for kinds that know their word.
    pub fn kind<T: Copy>(
        &mut self,
        name: &'static str,
        all: impl IntoIterator<Item = T>,
        word: fn(T) -> &'static str,
    ) -> Option<T> {
        let known: Vec<_> = all.into_iter().map(|kind| (word(kind), kind)).collect();
        self.word(name, &known)
    }

    /// The value, which must not be left out.
    pub fn must<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let value = read(self);
        if !self.has(name) {
            self.complaints.add(self.line, format!("{}: it is missing", self.called(name)));
        }
        value
    }

    /// A list of tables, `[[name]]` in TOML.
    pub fn tables(&mut self, name: &'static str) -> Vec<Fields<'n>> {
        let complaints = self.complaints;
        self.nodes(name).iter().filter_map(|node| Fields::of(node, name, complaints)).collect()
    }

    /// A list of whatever.
    pub fn nodes(&mut self, name: &'static str) -> &'n [Node] {
        let nodes = self.read(name, "a list of tables", |node| match &node.value {
            NodeValue::List(nodes) => Some(nodes.as_slice()),
            _ => None,
        });
        nodes.unwrap_or_default()
    }

    /// A table of its own, `[name]` in TOML.
    pub fn table(&mut self, name: &'static str) -> Option<Fields<'n>> {
        let node = self.node(name)?;
        Fields::of(node, name, self.complaints)
    }

    /// What nobody asked for.
    pub fn rest(&self) -> impl Iterator<Item = &'n Entry> {
        self.entries.iter().filter(|entry| !self.asked.contains(&entry.name.as_str()))
    }

    /// Complains about what nobody asked for. To be called when everything was asked for.
    pub fn end(self) {
        for entry in self.rest() {
            let near = did_you_mean(&entry.name, self.asked.iter().copied());
            let called = self.called(&entry.name);
            self.complaints.add(entry.line, format!("unknown key `{called}`{near}"));
        }
    }
}

fn as_text(node: &Node) -> Option<&str> {
    match &node.value {
        NodeValue::Text(text) => Some(text),
        _ => None,
    }
}
