//! What is wrong with a line, in words for the person who has the file before them. Made only when
//! a line is bad, so it may look at it all over again.

use super::extra::Fields;
use serde_json::error::Category;
use serde_json::value::RawValue;

/// Why a line cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(pub String);

impl From<String> for LineError {
    fn from(message: String) -> LineError {
        LineError(message)
    }
}

/// Puts a parser's error into words: which field, what is wrong, what may have been meant.
pub(super) fn explain(line: &str, error: &serde_json::Error) -> LineError {
    let column = error.column();
    let text = error.to_string();
    let said = text.split_once(" at line 1 column").map_or(text.as_str(), |(said, _)| said);
    let message = match error.classify() {
        Category::Eof => "the line is cut short: it ends within its JSON object".to_owned(),
        Category::Syntax | Category::Io => format!("not JSON: {said} (column {column})"),
        Category::Data if said.starts_with("unknown field") => unknown_field(said),
        Category::Data if said.starts_with("missing field") || said.starts_with("duplicate field") => {
            said.to_owned()
        }
        Category::Data => match field_at(line, column) {
            Some(field) => format!("{field}: {said}"),
            None => said.to_owned(),
        },
    };
    LineError(message)
}

/// "unknown field `a`, expected one of `b`, `c`" with the nearest one instead of them all.
fn unknown_field(said: &str) -> String {
    let mut names = said.split('`').skip(1).step_by(2);
    let name = names.next().unwrap_or_default();
    format!("unknown field `{name}`{}", did_you_mean(name, names))
}

/// The end of a complaint about a name; nothing when no known name is like it.
pub(in crate::model) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let scored = known.map(|known| (strsim::jaro_winkler(name, known), known));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score >= 0.7);
    best.map(|(_, known)| format!("; did you mean `{known}`?")).unwrap_or_default()
}

/// The field whose value the parser was at: the last one that begins before the column.
fn field_at(line: &str, column: usize) -> Option<String> {
    let Fields(fields) = serde_json::from_str(line).ok()?;
    let start = |value: &str| value.as_ptr() as usize - line.as_ptr() as usize;
    let before = |(_, value): &(_, &RawValue)| start(value.get()) < column;
    fields.into_iter().rfind(before).map(|(name, _)| name.into_owned())
}
