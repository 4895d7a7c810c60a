//! Times of a seed: as on the wire, or relative to the clock (`2h ago`, `-90s`, `now`), and the times of messages that
//! have none of their own.

use crate::model::time::Timestamp;

/// How far apart messages are that say nothing of it, if there is room.
const APART: i64 = 30 * SECOND;
const SECOND: i64 = 1_000_000;

const UNITS: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];

/// A time that is not later than `now`. The error says what is wrong.
pub(super) fn past(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let time = when(text, now)?;
    if time > now {
        return Err(format!("{time} is after {now}, which is what the clock says"));
    }
    Ok(time)
}

fn when(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    let ago = text.strip_suffix("ago").map(str::trim_end).or_else(|| text.strip_prefix('-'));
    if let Some(seconds) = ago.and_then(seconds) {
        return Ok(now.minus_seconds(seconds));
    }
    Timestamp::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        format!("{shown:?} is no time; write it like 2026-04-30T10:00:00Z, or `2h ago` or `-90s`")
    })
}

/// `90s`, `1h 30m`, `2d`
pub fn seconds(text: &str) -> Option<u64> {
    let (mut rest, mut total) = (text.trim(), 0_u64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let (name, seconds) = UNITS.iter().find(|(name, _)| after.starts_with(name))?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
        rest = after[name.len()..].trim_start();
    }
    Some(total)
}

/// When a conversation started that does not say so: so that its messages have room.
pub(super) fn usual_start(messages: usize, now: Timestamp) -> Timestamp {
    now.minus_seconds(messages as u64 * (APART / SECOND) as u64)
}

/// Gives a time to each that has none: half a minute after the one before, or closer where the next that has one, or
/// `now`, leaves less room. The first is at the start.
pub(super) fn spread(given: &[Option<Timestamp>], start: Timestamp, now: Timestamp) -> Vec<Timestamp> {
    let mut times: Vec<Timestamp> = Vec::with_capacity(given.len());
    for (at, own) in given.iter().enumerate() {
        let time = match (own, times.last()) {
            (Some(own), _) => *own,
            (None, None) => start,
            (None, Some(last)) => {
                let next = given[at..].iter().position(Option::is_some);
                let (missing, until) = match next {
                    Some(missing) => (missing, given[at + missing].unwrap_or(now)),
                    None => (given.len() - at, now),
                };
                // The last of all may be right now; before a given one there is a step to it.
                let steps = missing as i64 + i64::from(next.is_some());
                let step = (until.0.saturating_sub(last.0).max(0) / steps.max(1)).min(APART);
                let whole = if step >= SECOND { step / SECOND * SECOND } else { step };
                Timestamp(last.0 + whole)
            }
        };
        times.push(time);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    #[test]
    fn times_are_absolute_or_so_long_ago() {
        for (text, seconds) in [
            ("now", Some(1_000_000)),
            ("90s ago", Some(999_910)),
            ("-90s", Some(999_910)),
            ("1h30m ago", Some(994_600)),
            ("- 1h 30m", Some(994_600)),
            ("1d ago", Some(913_600)),
            ("1w ago", Some(395_200)),
            ("0s ago", Some(1_000_000)),
            ("1970-01-02T00:00:00Z", Some(86_400)),
            ("1970-01-12T13:46:41Z", None),
            ("90 ago", None),
            ("ago", None),
            ("-", None),
            ("2h", None),
            ("1x ago", None),
            ("99999999999999999999s ago", None),
            ("9999999999999999999w ago", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(past(text, at(1_000_000)).ok(), seconds.map(at), "{text:?}");
        }
    }

    #[test]
    fn messages_without_a_time_come_half_a_minute_apart_or_closer() {
        for (given, start, now, spread_to) in [
            (vec![None, None, None], 0, 1000, vec![0, 30, 60]),
            (vec![None, None, None], 0, 20, vec![0, 10, 20]),
            (vec![None, None, Some(40), None], 0, 1000, vec![0, 20, 40, 70]),
            (vec![None, None, None, Some(7)], 0, 1000, vec![0, 2, 4, 7]),
            (vec![Some(5), None], 0, 5, vec![5, 5]),
            (vec![], 0, 5, vec![]),
        ] {
            let given: Vec<_> = given.into_iter().map(|it: Option<i64>| it.map(at)).collect();
            let expected: Vec<_> = spread_to.into_iter().map(at).collect();
            assert_eq!(spread(&given, at(start), at(now)), expected, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn spread_times_never_run_backwards_nor_past_the_clock(given in proptest::collection::vec(proptest::option::of(0_i64..1000), 0..20)) {
            let mut sorted: Vec<i64> = given.iter().flatten().copied().collect();
            sorted.sort_unstable();
            let mut sorted = sorted.into_iter();
            let given: Vec<_> = given.iter().map(|it| it.and_then(|_| sorted.next()).map(at)).collect();
            let times = spread(&given, at(0), at(1000));
            prop_assert!(times.is_sorted() && times.iter().all(|time| *time <= at(1000)), "{times:?}");
        }

        #[test]
        fn any_text_is_a_time_or_refused(text in "(-)?[0-9smhdw ago]{0,20}|.{0,20}") {
            let _ = past(&text, at(1_000_000));
        }
    }
}
