//! Which runs of up to four letters stand in many texts, in a few bits each: a text with a run that is not among
//! them stands in none. That a run is among them may be wrong, that it is not never is.
//!
//! What is stored must be read by every later version, so hashes and sizes here are those of [`version`].

use super::search::{Search, fold};

/// The longest run that is kept.
const LONGEST: usize = 4;
/// How many bits stand for a run.
const PROBES: u64 = 3;
/// They go into a page of the store with what else is in the record, and so do halves of them.
const MOST_BYTES: usize = 30 << 10;
const LEAST_BYTES: usize = MOST_BYTES >> 8;
/// Beyond this share of bits too much is found that is not there.
const MOST_PERCENT: usize = 40;

/// What filters depend on: how they are made, and which letters are those of the other case.
pub fn version() -> u32 {
    let (major, minor, patch) = char::UNICODE_VERSION;
    u32::from_be_bytes([1, major, minor, patch])
}

/// A filter that is being made.
pub struct Grams {
    bits: Vec<u8>,
    ones: usize,
    folded: String,
}

impl Default for Grams {
    fn default() -> Grams {
        Grams { bits: vec![0; MOST_BYTES], ones: 0, folded: String::new() }
    }
}

impl Grams {
    pub fn add(&mut self, text: &str) {
        let mut folded = std::mem::take(&mut self.folded);
        fold(text, &mut folded);
        for_each(&folded, |gram| {
            for (byte, bit) in places(gram, self.bits.len()) {
                self.ones += usize::from(self.bits[byte] & bit == 0);
                self.bits[byte] |= bit;
            }
            true
        });
        self.folded = folded;
    }

    /// Whether what is added from now on belongs into another.
    pub fn is_full(&self) -> bool {
        is_crowded(self.ones, self.bits.len())
    }

    /// As short as it may be: of half as many bytes each is what two were.
    pub fn filter(self) -> Vec<u8> {
        let mut bits = self.bits;
        while bits.len() > LEAST_BYTES {
            let half: Vec<u8> = bits.as_chunks().0.iter().map(|[one, other]| one | other).collect();
            let ones = half.iter().map(|byte| byte.count_ones() as usize).sum();
            if is_crowded(ones, half.len()) {
                break;
            }
            bits = half;
        }
        bits
    }
}

fn is_crowded(ones: usize, bytes: usize) -> bool {
    ones * 100 > bytes * 8 * MOST_PERCENT
}

/// Whether all runs of the text are among those of the filter.
pub fn holds(filter: &[u8], text: &str, scratch: &mut String) -> bool {
    fold(text, scratch);
    for_each(scratch, |gram| has(filter, gram))
}

/// The runs of what is looked for.
pub struct Wanted(Vec<u64>);

impl Wanted {
    /// The longer ones first: most texts lack those.
    pub fn of(search: &Search) -> Wanted {
        let mut grams = Vec::new();
        for_each_of_length(search.folded(), |length, gram| {
            grams.push((std::cmp::Reverse(length), gram));
            true
        });
        grams.sort_unstable();
        Wanted(grams.into_iter().map(|(_, gram)| gram).collect())
    }

    /// Whether it may stand in one of the filter's texts.
    pub fn may_be_in(&self, filter: &[u8]) -> bool {
        self.0.iter().all(|gram| has(filter, *gram))
    }
}

fn has(filter: &[u8], gram: u64) -> bool {
    filter.is_empty() || places(gram, filter.len()).all(|(byte, bit)| filter[byte] & bit != 0)
}

/// The bits that stand for a run, by their byte. In a filter of half the length the byte's place is half of what it is.
fn places(gram: u64, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
    let (first, step) = (gram & 0xffff_ffff, (gram >> 32) | 1);
    (0..PROBES).map(move |probe| {
        let place = (first + probe * step) & 0xffff_ffff;
        (((place * bytes as u64) >> 32) as usize, 1 << (place % 8))
    })
}

fn for_each(folded: &str, mut visit: impl FnMut(u64) -> bool) -> bool {
    for_each_of_length(folded, |_, gram| visit(gram))
}

/// Visits each run with its length, until `visit` says no. True: it never did.
fn for_each_of_length(folded: &str, mut visit: impl FnMut(usize, u64) -> bool) -> bool {
    folded.char_indices().all(|(start, _)| {
        let mut hash = 0;
        folded[start..].chars().take(LONGEST).zip(1..).all(|(letter, length)| {
            hash = mixed(hash, letter);
            visit(length, hash ^ (hash >> 29))
        })
    })
}

fn mixed(hash: u64, letter: char) -> u64 {
    let hash = (hash ^ u64::from(letter)).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::search::Scratch;
    use proptest::prelude::*;

    const TEXTS: [&str; 10] = [
        "Can I reschedule to Tuesday?",
        "Können wir GRÖSSE XL tauschen?",
        "Можно перенести на вторник?",
        "Μπορούμε ΤΟΝ ΔΡΟΜΟΣ; δρόμος",
        "明天下午三点见面可以吗",
        "هل يمكن تغيير الموعد؟",
        "ok 👍🏽 see you 👩‍👩‍👧",
        "İSTANBUL'da DİYARBAKIR ılık",
        "cafe\u{301} nai\u{308}ve Å\u{212b} 300 \u{212a}",
        "",
    ];

    fn filter_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<u8> {
        let mut grams = Grams::default();
        texts.into_iter().for_each(|text| grams.add(text));
        grams.filter()
    }

    fn may_be_in(query: &str, filter: &[u8]) -> bool {
        Wanted::of(&Search::new(query)).may_be_in(filter)
    }

    #[test]
    fn no_part_of_any_text_in_any_script_is_denied() {
        let filter = filter_of(TEXTS);
        for text in TEXTS {
            assert!(holds(&filter, text, &mut String::new()));
            let folded: Vec<char> = {
                let mut folded = String::new();
                fold(text, &mut folded);
                folded.chars().collect()
            };
            let parts = |letters: &[char]| {
                for start in 0..letters.len() {
                    for end in start..=letters.len() {
                        let part: String = letters[start..end].iter().collect();
                        for query in [part.to_uppercase(), part.to_lowercase(), part] {
                            let found = Search::new(&query).is_in(text.as_bytes(), &mut Scratch::default());
                            assert!(!found || may_be_in(&query, &filter), "{query:?} of {text:?}");
                        }
                    }
                }
            };
            // A part may begin within what one letter folds into.
            parts(&folded);
            parts(&text.chars().collect::<Vec<_>>());
        }
    }

    #[test]
    fn most_of_what_is_not_there_is_denied() {
        let filter = filter_of((0..1000).map(|_| TEXTS).collect::<Vec<_>>().concat());
        assert!(filter.len() <= 1000, "{}", filter.len());
        let words = (0..1000).map(|n| format!("zq{n}x"));
        let denied = words.filter(|word| !may_be_in(word, &filter)).count();
        assert!(denied > 950, "{denied}");
    }

    /// Those that were stored are asked by these very hashes: when this fails, [`version`] has to change.
    #[test]
    fn a_filter_is_made_as_it_was_in_the_first_version() {
        let filter = filter_of(["Hello, Wörld"]);
        let ones: Vec<_> =
            (0..filter.len() * 8).filter(|bit| filter[bit / 8] & 1 << (bit % 8) != 0).collect();
        let sum = ones.iter().fold(0u64, |sum, bit| sum.wrapping_mul(31).wrapping_add(*bit as u64));
        assert_eq!((filter.len(), ones.len(), sum), (120, 114, 2_146_028_933_772_612_057));
    }

    #[test]
    fn a_filter_that_is_not_there_denies_nothing() {
        assert!(may_be_in("word", &[]));
        assert!(may_be_in("", &filter_of(["a"])));
    }

    proptest! {
        #[test]
        fn no_part_of_what_was_added_is_ever_denied(texts in prop::collection::vec(("\\PC{0,20}", any::<String>()), 1..20), at in any::<prop::sample::Index>()) {
            let whole: Vec<String> = texts.iter().map(|(before, part)| format!("{before}{part}!")).collect();
            let filter = filter_of(whole.iter().map(String::as_str));
            prop_assert!(may_be_in(&at.get(&texts).1, &filter));
            prop_assert!(may_be_in(&at.get(&texts).0, &filter));
        }

        #[test]
        fn a_crowded_filter_is_full_and_still_denies_nothing(seed in 0u32..1000) {
            let mut grams = Grams::default();
            let mut texts = Vec::new();
            for n in 0.. {
                let text: String = (0..40).filter_map(|at| char::from_u32(0x4e00 + (seed * 7919 + n * 104_729 + at * 15_485_863) % 20_000)).collect();
                grams.add(&text);
                texts.push(text);
                if grams.is_full() {
                    break;
                }
            }
            let filter = grams.filter();
            prop_assert_eq!(filter.len(), MOST_BYTES);
            prop_assert!(texts.iter().all(|text| holds(&filter, text, &mut String::new())));
        }
    }
}
