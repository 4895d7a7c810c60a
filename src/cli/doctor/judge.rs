//! What is made of what was seen: pure, so that each judgement is a row of a table.

pub mod carriers;
pub mod forwarding;
pub mod machine;
pub mod outside;

/// `1 number`, `2 numbers`
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
