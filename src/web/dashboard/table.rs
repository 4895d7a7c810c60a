//! The one table of all lists: columns, rows of cells, what stands there when there are none, and the pages around.
//! Where it does not fit, the rows turn into cards.

use super::page::Shell;
use super::paging::Paging;
use super::when::When;
use askama::Template;
use askama::filters::HtmlSafe;

/// A page that has nothing but a table. One that has a form above it extends `table.html` with a template of its own
/// and has these fields, too.
#[derive(Template)]
#[template(path = "table.html")]
pub struct TablePage<'a> {
    pub shell: &'a Shell,
    pub table: Table,
}

pub struct Table {
    pub title: &'static str,
    /// What the rows are, in a sentence or two.
    pub about: String,
    /// A column without a name has what can be done.
    pub columns: &'static [&'static str],
    pub rows: Vec<TableRow>,
    pub empty: Empty,
    pub paging: Paging,
    /// Asked for again when the feed tells of something.
    pub live: bool,
}

/// What stands in place of no rows: what would be here, and what to do.
pub struct Empty {
    pub big: &'static str,
    pub text: String,
    /// Where to go: path and words.
    pub way: Option<(&'static str, &'static str)>,
}

impl Empty {
    pub fn new(big: &'static str, text: &str) -> Empty {
        Empty { big, text: text.to_owned(), way: None }
    }

    /// There are rows, but none that the filters let through.
    pub fn filtered(path: &'static str) -> Empty {
        let way = Some((path, "Show all"));
        Empty { big: "Nothing matches", text: "No row fits what was asked for.".to_owned(), way }
    }
}

pub struct TableRow {
    /// Tells the row from the others of the page.
    pub id: String,
    pub cells: Vec<Cell>,
}

impl Table {
    /// The rows' cells, each with its column's name.
    pub(super) fn named<'t>(&'t self, row: &'t TableRow) -> impl Iterator<Item = (&'static str, &'t Cell)> {
        self.columns.iter().copied().zip(&row.cells)
    }

    pub(super) fn is_of_numbers(&self, column: &usize) -> bool {
        self.rows.iter().any(|row| row.cells.get(*column).is_some_and(Cell::is_number))
    }
}

/// Written into a page, what it shows.
#[derive(Template)]
#[template(path = "cell.html")]
pub enum Cell {
    Nothing,
    /// Whatever somebody wrote: it keeps its direction to itself.
    Text(String),
    Dim(String),
    Code(String),
    When(When),
    Number(u64),
    /// `tone`: `good`, `bad` or nothing
    State {
        text: String,
        tone: &'static str,
    },
    /// The one that opens the row: the keys j and k go from one to the next.
    Open {
        to: String,
        text: String,
    },
    Link {
        to: String,
        text: String,
    },
    /// A text with a button that copies it.
    Copy(String),
    Buttons(Vec<Button>),
    /// More of it, for who asks: names and values.
    More {
        summary: &'static str,
        facts: Vec<(String, String)>,
    },
    /// One under the other.
    Several(Vec<Cell>),
}

/// Its template has escaped it.
impl HtmlSafe for Cell {}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    pub fn state(text: impl Into<String>, tone: &'static str) -> Cell {
        Cell::State { text: text.into(), tone }
    }

    /// Or nothing.
    pub fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell) -> Cell {
        value.map_or(Cell::Nothing, cell)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Cell::Number(_))
    }
}

/// A form of nothing but a button.
pub struct Button {
    /// Where it is sent.
    pub action: String,
    pub label: &'static str,
    /// Of what, for who hears the button and does not see its row.
    pub of: String,
    /// `danger` or nothing
    pub tone: &'static str,
    pub fields: Vec<(&'static str, String)>,
    /// It leads to a page that asks first, and changes nothing.
    pub asks: bool,
}

impl Button {
    /// Does it.
    pub fn new(action: impl Into<String>, label: &'static str, of: impl Into<String>) -> Button {
        Button { action: action.into(), label, of: of.into(), tone: "", fields: Vec::new(), asks: false }
    }

    /// Leads to a page that asks.
    pub fn asking(action: impl Into<String>, label: &'static str, of: impl Into<String>) -> Button {
        Button { asks: true, tone: "danger", ..Button::new(action, label, of) }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Button {
        self.fields.push((name, value.into()));
        self
    }
}

/// A page that asks before something is done that cannot be undone.
#[derive(Template)]
#[template(path = "ask.html")]
pub struct Ask<'a> {
    pub shell: &'a Shell,
    pub question: String,
    /// What follows from it.
    pub lines: Vec<String>,
    /// What does it: its label is the button's.
    pub button: Button,
    /// Where who thinks better of it goes.
    pub back: &'static str,
}

/// `1 message`, `2 messages`
pub fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_is_text_in_every_cell() {
        let bad = || "<b>\"'&".to_owned();
        let facts = vec![(bad(), bad())];
        let cells = [
            Cell::Text(bad()),
            Cell::Dim(bad()),
            Cell::Code(bad()),
            Cell::state(bad(), "bad"),
            Cell::Open { to: bad(), text: bad() },
            Cell::Link { to: bad(), text: bad() },
            Cell::Copy(bad()),
            Cell::Buttons(vec![Button::new(bad(), "Go", bad()).with("x", bad())]),
            Cell::More { summary: "More", facts },
            Cell::Several(vec![Cell::Text(bad())]),
        ];
        for cell in cells {
            let html = cell.to_string();
            assert!(!html.contains("<b>") && !html.contains("\"'"), "{html}");
            assert!(html.contains("&#60;b&#62;&#34;&#39;&#38;"), "{html}");
        }
    }

    #[test]
    fn a_button_that_asks_changes_nothing() {
        let html = |button| Cell::Buttons(vec![button]).to_string();
        assert!(html(Button::new("/x", "Go", "it")).contains("method=\"post\""));
        assert!(html(Button::asking("/x", "Go", "it")).contains("method=\"get\""));
    }
}
