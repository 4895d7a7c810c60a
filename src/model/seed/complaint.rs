//! What is wrong with a seed, each with its line, in words for the person who has the file before them.

use std::cell::RefCell;
use std::fmt;

/// More than so many are not told at once.
const MOST: usize = 20;

/// `line 7: what is wrong`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Complaint {
    /// From 1.
    pub line: u32,
    pub message: String,
}

/// All that is wrong with a seed, by line; at least one, and twenty at most. Shown one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedErrors(pub Vec<Complaint>);

impl std::error::Error for SeedErrors {}

impl fmt::Display for SeedErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Complaint::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl SeedErrors {
    pub fn one(line: u32, message: impl Into<String>) -> SeedErrors {
        SeedErrors(vec![Complaint { line, message: message.into() }])
    }

    /// One a line, as `FILE:LINE: what is wrong`.
    pub fn in_file(&self, file: &str) -> String {
        let lines = self.0.iter().map(|Complaint { line, message }| format!("{file}:{line}: {message}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Gathers complaints while a seed is read.
#[derive(Debug, Default)]
pub struct Complaints(RefCell<Vec<Complaint>>);

impl Complaints {
    pub fn add(&self, line: u32, message: impl Into<String>) {
        self.0.borrow_mut().push(Complaint { line, message: message.into() });
    }

    /// An error if there was anything to complain about.
    pub fn end(self) -> Result<(), SeedErrors> {
        let mut complaints = self.0.into_inner();
        complaints.sort();
        complaints.dedup();
        complaints.truncate(MOST);
        if complaints.is_empty() { Ok(()) } else { Err(SeedErrors(complaints)) }
    }
}
