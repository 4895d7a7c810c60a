//! Opt-outs: a customer who wants no more messages from one of our numbers, and the words by which they say so.

use super::address::Address;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Keyed by our number and the customer's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptOut {
    pub at: Timestamp,
    /// How it came about: the keyword, `carrier 21610`, `api`, `import`.
    pub how: String,
}

/// An opt-out with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptedOut {
    pub our_number: Address,
    pub customer: Address,
    pub opt_out: OptOut,
}

/// A message that is nothing but such a word, letters of either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    Stop,
    Start,
    Help,
}

const STOP: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START: [&str; 3] = ["START", "YES", "UNSTOP"];
const HELP: [&str; 2] = ["HELP", "INFO"];

impl Keyword {
    pub fn of(body: &str) -> Option<Keyword> {
        let word = body.trim();
        let is_one_of = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        match () {
            () if is_one_of(&STOP) => Some(Keyword::Stop),
            () if is_one_of(&START) => Some(Keyword::Start),
            () if is_one_of(&HELP) => Some(Keyword::Help),
            () => None,
        }
    }

    /// What a carrier names when it acted on a word of its own list, of whichever language.
    pub fn named(opt_out_type: &str) -> Option<Keyword> {
        match opt_out_type {
            "STOP" => Some(Keyword::Stop),
            "START" => Some(Keyword::Start),
            "HELP" => Some(Keyword::Help),
            _ => None,
        }
    }
}

/// What becomes of an opt-out when such a word comes, and what is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeywordDecision {
    pub change: Option<OptOutChange>,
    pub notice: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptOutChange {
    Add,
    Remove,
}

pub const STOPPED: &str =
    "You are unsubscribed and will get no more messages from this number. Reply START to get them again.";
pub const STARTED: &str = "You are subscribed again. Reply STOP to get no more messages.";
pub const HELPED: &str = "Reply STOP to get no more messages from this number, START to get them again.";

/// Decides. `answered`: the carrier has told the customer itself. A START from somebody who never said STOP is a word
/// like any other ("YES" may answer a question), and so is a second STOP, but that nothing is sent to it.
pub fn decide_keyword(keyword: Keyword, opted_out: bool, answered: bool) -> Option<KeywordDecision> {
    let notice = |text| Some(text).filter(|_| !answered);
    Some(match (keyword, opted_out) {
        (Keyword::Stop, false) => {
            KeywordDecision { change: Some(OptOutChange::Add), notice: notice(STOPPED) }
        }
        (Keyword::Stop, true) => KeywordDecision { change: None, notice: None },
        (Keyword::Start, true) => {
            KeywordDecision { change: Some(OptOutChange::Remove), notice: notice(STARTED) }
        }
        (Keyword::Start, false) => return None,
        (Keyword::Help, _) => KeywordDecision { change: None, notice: notice(HELPED) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_the_whole_message_in_any_case() {
        for (keyword, words) in [
            (
                Keyword::Stop,
                &[
                    "STOP",
                    "stop",
                    " Stop \n",
                    "StopAll",
                    "unsubscribe",
                    "Cancel",
                    "end",
                    "QUIT",
                    "revoke",
                    "OptOut",
                ][..],
            ),
            (Keyword::Start, &["START", "yes", "UnStop"]),
            (Keyword::Help, &["help", "INFO"]),
        ] {
            for word in words {
                assert_eq!(Keyword::of(word), Some(keyword), "{word:?}");
            }
        }
        for other in [
            "",
            "STOP PLEASE",
            "STOP.",
            "don't stop",
            "STOPP",
            "ST OP",
            "yes please",
            "ＳＴＯＰ",
            "stop\u{0}",
        ] {
            assert_eq!(Keyword::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_a_keyword_does_depends_on_what_was_before_and_on_whether_the_carrier_answered() {
        use OptOutChange::{Add, Remove};
        for (keyword, opted_out, answered, wanted) in [
            (Keyword::Stop, false, false, Some((Some(Add), Some(STOPPED)))),
            (Keyword::Stop, false, true, Some((Some(Add), None))),
            (Keyword::Stop, true, false, Some((None, None))),
            (Keyword::Start, true, false, Some((Some(Remove), Some(STARTED)))),
            (Keyword::Start, true, true, Some((Some(Remove), None))),
            (Keyword::Start, false, false, None),
            (Keyword::Help, false, false, Some((None, Some(HELPED)))),
            (Keyword::Help, true, true, Some((None, None))),
        ] {
            let decided = decide_keyword(keyword, opted_out, answered).map(|it| (it.change, it.notice));
            assert_eq!(decided, wanted, "{keyword:?} opted out {opted_out} answered {answered}");
        }
    }
}
