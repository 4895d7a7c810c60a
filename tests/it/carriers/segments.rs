//! Segments as the libraries of the carriers count them.

use smslite::model::segments::{Encoding, segments};

use super::samples::{assert_copied, cases, text};

const OUR_COPY: &str = include_str!("vectors/segments.json");

#[test]
fn every_vector_is_counted() {
    let all = cases(OUR_COPY);
    assert!(all.len() > 20, "only {} vectors", all.len());
    for case in all {
        let counted = segments(text(&case["text"]));
        let encoding = if case["encoding"] == "GSM-7" { Encoding::Gsm7 } else { Encoding::Ucs2 };
        assert_eq!(counted.encoding, encoding, "{}", case["name"]);
        assert_eq!(case["units"], counted.units, "{}", case["name"]);
        assert_eq!(case["segments"], counted.count, "{}", case["name"]);
    }
}

#[test]
fn our_copy_is_the_reference() {
    assert_copied(OUR_COPY, "/segments/cases");
}
