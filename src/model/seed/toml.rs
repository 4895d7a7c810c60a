//! TOML to a tree that knows its lines.

use super::complaint::{Complaints, SeedErrors};
use super::node::{Entry, LineIndex, MOST_DEPTH, Node, NodeValue};
use serde_json::Number;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

pub(super) fn parse(text: &str) -> Result<Node, SeedErrors> {
    let (lines, complaints) = (LineIndex::new(text), Complaints::default());
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = lines.line(error.span().map_or(0, |span| span.start));
        complaints.add(line, error.message());
    }
    let reader = Reader { lines, complaints };
    // Of what could not be read, only that is told.
    let entries = if errors.is_empty() { reader.entries(root.get_ref(), 0) } else { Vec::new() };
    reader.complaints.end()?;
    Ok(Node { line: 1, value: NodeValue::Table(entries) })
}

struct Reader {
    lines: LineIndex,
    complaints: Complaints,
}

impl Reader {
    fn entries(&self, table: &DeTable<'_>, depth: usize) -> Vec<Entry> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let entry = |(name, value): (&Spanned<_>, &Spanned<_>)| Entry {
            line: self.lines.line(name.span().start),
            name: String::from(AsRef::<str>::as_ref(name.get_ref())),
            node: self.node(value, depth + 1),
        };
        entries.into_iter().map(entry).collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>, depth: usize) -> Node {
        let line = self.lines.line(value.span().start);
        let wrong = |what: &str| {
            self.complaints.add(line, what);
            NodeValue::Null
        };
        let value = match value.get_ref() {
            _ if depth > MOST_DEPTH => wrong("nested too deeply"),
            DeValue::String(text) => NodeValue::Text(text.to_string()),
            DeValue::Integer(number) => match integer(number) {
                Some(number) => NodeValue::Number(number),
                None => wrong("the number is too large"),
            },
            DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64) {
                Some(number) => NodeValue::Number(number),
                None => wrong("no number that can be stored"),
            },
            DeValue::Boolean(flag) => NodeValue::Flag(*flag),
            DeValue::Datetime(time) => NodeValue::Text(time.to_string()),
            DeValue::Array(values) => {
                NodeValue::List(values.iter().map(|value| self.node(value, depth + 1)).collect())
            }
            DeValue::Table(table) => NodeValue::Table(self.entries(table, depth)),
        };
        Node { line, value }
    }
}

fn integer(number: &DeInteger<'_>) -> Option<Number> {
    let (digits, radix) = (number.as_str(), number.radix());
    let signed = i64::from_str_radix(digits, radix).ok().map(Number::from);
    signed.or_else(|| u64::from_str_radix(digits, radix).ok().map(Number::from))
}
