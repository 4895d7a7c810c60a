//! The living sample that `--demo` serves: assistants, their numbers, conversations in every state.

use crate::app::seeds::Applied;

/// What the built-in sample is called where something is wrong with it.
pub(super) const NAME: &str = "demo.toml";

/// What a customer sends to the first number, for curl.
pub(super) fn form(demo: &Applied) -> String {
    let number = demo.numbers.first().map_or("+15551234567", |(number, _)| number.as_str());
    let to = number.replace('+', "%2B");
    format!(
        "-d MessageSid=SM$(date +%s) -d AccountSid=ACdemo -d From=%2B15559876543 -d To={to} \
         -d \"Body=Hello from curl\" -d NumMedia=0"
    )
}
