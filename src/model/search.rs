//! Searching in text: letters of either case are the same, and nothing else is.

/// A text that others are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    folded: String,
}

impl Search {
    pub fn new(text: &str) -> Search {
        Search { folded: fold(text) }
    }

    /// Whether it stands anywhere in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.folded)
    }
}

/// Each letter by itself: if it mattered what stands beside it, a part of a text would not be found in the whole.
/// A final sigma is the one small letter that is told by its place, so it counts as a sigma.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.map(|letter| if letter == 'ς' { 'σ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn letters_of_either_case_are_found() {
        for (text, query, found) in [
            ("Can I reschedule?", "RESCHEDULE", true),
            ("Can I reschedule?", "can i r", true),
            ("Can I reschedule?", "cani", false),
            ("Größe ÄÖÜ", "äöü", true),
            ("Größe", "GRÖßE", true),
            ("Größe", "groesse", false),
            ("ΟΔΟΣ", "οδος", true),
            ("οδος", "ΟΔΟΣ", true),
            ("ΟΔΟΣΑ", "ΟΔΟΣ", true),
            ("300 \u{212a}", "300 k", true),
            ("привет", "ПРИВЕТ", true),
            ("👍 ok", "👍", true),
            ("", "a", false),
            ("a", "", true),
        ] {
            assert_eq!(Search::new(query).is_in(text), found, "{query:?} in {text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_part_of_a_text_is_found_in_it(before in any::<String>(), part in any::<String>(), after in any::<String>()) {
            let whole = format!("{before}{part}{after}");
            prop_assert!(Search::new(&part).is_in(&whole));
            prop_assert!(Search::new(&fold(&part)).is_in(&whole));
        }
    }
}
