//! Searching in text: letters of either case are the same, and nothing else is.

use memchr::memmem::Finder;
use std::sync::LazyLock;

/// A text that others are asked for.
#[derive(Clone, Debug)]
pub struct Search {
    finder: Finder<'static>,
    needs: Needs,
}

/// How much of a text has to be folded before this is looked for.
#[derive(Clone, Copy, Debug)]
enum Needs {
    /// Nothing: it has no letter that is another's in another case.
    Nothing,
    /// A to Z.
    Ascii,
    /// A to Z; other letters if it is not found so: there are two that fold into some of these, K (Kelvin) and İ.
    AsciiFirst,
    /// All of it, if there are other letters than A to Z: this has one.
    Everything,
}

impl PartialEq for Search {
    fn eq(&self, other: &Search) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Search {}

impl Search {
    pub fn new(text: &str) -> Search {
        let mut folded = String::new();
        fold(text, &mut folded);
        let needs = if folded.chars().all(is_caseless) {
            Needs::Nothing
        } else if !folded.is_ascii() {
            Needs::Everything
        } else if folded.contains(['k', 'i']) {
            Needs::AsciiFirst
        } else {
            Needs::Ascii
        };
        Search { finder: Finder::new(folded.as_bytes()).into_owned(), needs }
    }

    /// What is looked for, in folded text.
    pub fn folded(&self) -> &str {
        std::str::from_utf8(self.finder.needle()).unwrap_or_default()
    }

    /// Whether it stands anywhere in `text`, which is UTF-8.
    pub fn is_in(&self, text: &[u8], scratch: &mut Scratch) -> bool {
        match self.needs {
            Needs::Nothing => self.finder.find(text).is_some(),
            Needs::Ascii => self.is_in_ascii(text, scratch),
            Needs::AsciiFirst if self.is_in_ascii(text, scratch) => true,
            Needs::AsciiFirst | Needs::Everything if text.is_ascii() => false,
            Needs::AsciiFirst | Needs::Everything => {
                let Ok(text) = std::str::from_utf8(text) else { return false };
                fold(text, &mut scratch.folded);
                self.finder.find(scratch.folded.as_bytes()).is_some()
            }
        }
    }

    fn is_in_ascii(&self, text: &[u8], scratch: &mut Scratch) -> bool {
        scratch.bytes.clear();
        scratch.bytes.extend_from_slice(text);
        scratch.bytes.make_ascii_lowercase();
        self.finder.find(&scratch.bytes).is_some()
    }
}

/// Room for folded texts, to be used again and again.
#[derive(Default)]
pub struct Scratch {
    bytes: Vec<u8>,
    folded: String,
}

/// Each letter by itself: if it mattered what stands beside it, a part of a text would not be found in the whole.
/// A final sigma is the one small letter that is told by its place, so it counts as a sigma. `folded` is emptied first.
pub fn fold(text: &str, folded: &mut String) {
    folded.clear();
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
        return;
    }
    let letters = &*LETTERS;
    for letter in text.chars() {
        let number = letter as usize;
        match letters.small.get(number) {
            Some(Some(small)) => folded.push(*small),
            None if letters.cased.get(number / PAGE) == Some(&false) => folded.push(letter),
            _ => folded.extend(folded_letter(letter)),
        }
    }
}

fn folded_letter(letter: char) -> impl Iterator<Item = char> {
    letter.to_lowercase().map(|letter| if letter == 'ς' { 'σ' } else { letter })
}

/// Whether no other letter has it when it is folded, nor it another.
fn is_caseless(letter: char) -> bool {
    // The dot of İ, which is the one letter that folds into two.
    letter != '\u{307}' && letter.to_lowercase().eq([letter]) && letter.to_uppercase().eq([letter])
}

/// Looking letters up one by one in the tables of Unicode takes most of a search.
struct Letters {
    /// Up to the Armenian ones: those that fold into one letter.
    small: Vec<Option<char>>,
    /// Which pages of the planes that have letters have any that folding changes.
    cased: Vec<bool>,
}

const SMALL: u32 = 0x600;
const PAGE: usize = 0x100;
const PAGES: u32 = 0x200;

static LETTERS: LazyLock<Letters> = LazyLock::new(|| {
    let one = |letter: char| {
        let mut folded = folded_letter(letter);
        folded.next().filter(|_| folded.next().is_none())
    };
    let is_changed = |number: u32| char::from_u32(number).is_some_and(|letter| one(letter) != Some(letter));
    Letters {
        small: (0..SMALL).map(|number| char::from_u32(number).and_then(one)).collect(),
        cased: (0..PAGES).map(|page| (page << 8..(page + 1) << 8).any(is_changed)).collect(),
    }
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_in(query: &str, text: &str) -> bool {
        let mut scratch = Scratch { bytes: b"before".to_vec(), folded: "before".to_owned() };
        Search::new(query).is_in(text.as_bytes(), &mut scratch)
    }

    fn folded(text: &str) -> String {
        let mut folded = String::new();
        fold(text, &mut folded);
        folded
    }

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
            ("İzmir", "i\u{307}Z", true),
            ("İzmir", "\u{307}z", true),
            ("İ", "i", true),
            ("30 \u{212a}elvin, ΟΔΟΣ", "kelvin", true),
            ("жЖ stop ЖIK", "STOP", true),
            ("明天见", "天", true),
            ("明天见", "明见", false),
            ("", "a", false),
            ("a", "", true),
        ] {
            assert_eq!(is_in(query, text), found, "{query:?} in {text:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_passed_over() {
        assert!(!Search::new("я").is_in(b"a\xff", &mut Scratch::default()));
    }

    /// The same answer as from the whole text, folded letter by letter.
    fn is_in_slowly(query: &str, text: &str) -> bool {
        let fold = |text: &str| text.chars().flat_map(folded_letter).collect::<String>();
        fold(text).contains(&fold(query))
    }

    #[test]
    fn every_letter_is_folded_as_unicode_has_it_and_a_caseless_one_is_no_others() {
        for letter in '\0'..=char::MAX {
            let wanted: String = folded_letter(letter).collect();
            assert_eq!(folded(&format!("{letter}é")), format!("{wanted}é"), "{letter:?}");
            if wanted.chars().ne([letter]) {
                assert!(!is_caseless(letter) && !wanted.chars().any(is_caseless), "{letter:?} {wanted:?}");
                let is_of_two = ['\u{212a}', 'İ'].contains(&letter);
                assert_eq!(
                    !letter.is_ascii() && wanted.contains(|c: char| c.is_ascii()),
                    is_of_two,
                    "{letter:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn every_part_of_a_text_is_found_in_it(before in any::<String>(), part in any::<String>(), after in any::<String>()) {
            let whole = format!("{before}{part}{after}");
            prop_assert!(is_in(&part, &whole));
            prop_assert!(is_in(&folded(&part), &whole));
        }

        #[test]
        fn what_is_found_is_what_stands_in_the_folded_text(query in "[aAkKiI\u{212a}İ\u{307}σςΣ天1 ]{1,3}", text in "[aAkKiI\u{212a}İ\u{307}σςΣ天1 ]{0,12}") {
            prop_assert_eq!(is_in(&query, &text), is_in_slowly(&query, &text));
        }
    }
}
