//! Points in time: microseconds since 1970, UTC. Parsing and printing as the contract has them.

use super::wire;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// A moment in microseconds since 1970-01-01T00:00:00Z.
/// In JSON it is text as on the wire; on disk the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Timestamp);
        }
        let wrong = || "no time; write it like 2026-04-30T10:00:00Z".to_owned();
        wire::read(deserializer, |text| Timestamp::parse(text).ok_or_else(wrong))
    }
}

impl Timestamp {
    /// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z: what four digits of year can print.
    pub const MIN: Timestamp = Timestamp(-62_135_596_800 * MICROS_PER_SECOND);
    pub const MAX: Timestamp = Timestamp(253_402_300_800 * MICROS_PER_SECOND - 1);

    pub fn from_unix_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(MICROS_PER_SECOND)).clamp(Self::MIN, Self::MAX)
    }

    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// `seconds` later, at most [`Timestamp::MAX`].
    pub fn plus_seconds(self, seconds: u64) -> Timestamp {
        let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(MICROS_PER_SECOND);
        Timestamp(self.0.saturating_add(micros)).min(Self::MAX)
    }

    /// `seconds` earlier, at least [`Timestamp::MIN`].
    pub fn minus_seconds(self, seconds: u64) -> Timestamp {
        let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(MICROS_PER_SECOND);
        Timestamp(self.0.saturating_sub(micros)).max(Self::MIN)
    }

    /// RFC 3339 with any offset, a naive time (taken as UTC), or a date (its start).
    /// A space before the offset is read as the `+` that a query string lost.
    pub fn parse(text: &str) -> Option<Timestamp> {
        parse_time(text).or_else(|| parse_date(text))
    }

    /// As [`Timestamp::parse`], but a date means the last microsecond of its day.
    pub fn parse_upper(text: &str) -> Option<Timestamp> {
        parse_time(text).or_else(|| parse_date(text).map(|day| Timestamp(day.0 + MICROS_PER_DAY - 1)))
    }

    /// `20260430T100000Z`: for names of files, which sort by it.
    pub fn for_file_names(self) -> String {
        let text = Timestamp::from_unix_seconds(self.unix_seconds()).to_string();
        text.replace(['-', ':'], "")
    }

    /// Appends `2026-04-30T10:00:00Z`, or with six digits of fraction when there is one.
    pub fn write(self, out: &mut Vec<u8>) {
        TimeWriter::default().write(self, out);
    }
}

/// Writes times one after the other. On the path of every list row, so it counts by integers and keeps what it wrote:
/// the times of a page are of few days, and neighbours often of the same minute.
pub struct TimeWriter {
    days: [Day; 4],
    /// The day and the minute of it that the text shows.
    shown: (i64, u32),
    /// `2026-04-30T10:00:00.000000Z`
    text: [u8; 27],
    whole: [u8; 20],
}

/// A time as it is printed, with or without a fraction of a second.
pub enum TimeText<'w> {
    Whole(&'w [u8; 20]),
    Fraction(&'w [u8; 27]),
}

#[derive(Clone, Copy)]
struct Day {
    number: i64,
    text: [u8; 10],
}

impl Default for TimeWriter {
    fn default() -> TimeWriter {
        TimeWriter {
            days: [Day { number: 0, text: *b"1970-01-01" }; 4],
            shown: (0, 0),
            text: *b"1970-01-01T00:00:00.000000Z",
            whole: *b"1970-01-01T00:00:00Z",
        }
    }
}

impl TimeWriter {
    pub fn write(&mut self, time: Timestamp, out: &mut Vec<u8>) {
        match self.text(time) {
            TimeText::Whole(text) => out.extend_from_slice(text),
            TimeText::Fraction(text) => out.extend_from_slice(text),
        }
    }

    #[inline]
    pub fn text(&mut self, time: Timestamp) -> TimeText<'_> {
        const MICROS_PER_MINUTE: u64 = 60_000_000;
        let micros = time.clamp(Timestamp::MIN, Timestamp::MAX).0;
        let (number, rest) =
            (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY).unsigned_abs());
        // Less than a day's minutes, a minute's seconds and a second's microseconds.
        let (minute, left) = ((rest / MICROS_PER_MINUTE) as u32, (rest % MICROS_PER_MINUTE) as u32);
        if self.shown != (number, minute) {
            self.show(number, minute);
        }
        let (seconds, fraction) = (left / 1_000_000, left % 1_000_000);
        if fraction == 0 {
            place(&mut self.whole, 17, seconds);
            return TimeText::Whole(&self.whole);
        }
        place(&mut self.text, 17, seconds);
        place(&mut self.text, 20, fraction / 10_000);
        place(&mut self.text, 22, fraction / 100 % 100);
        place(&mut self.text, 24, fraction % 100);
        TimeText::Fraction(&self.text)
    }

    fn show(&mut self, number: i64, minute: u32) {
        // Neighbouring days have places of their own.
        let day = &mut self.days[(number & 3) as usize];
        if day.number != number {
            *day = Day::of(number);
        }
        self.text[..10].copy_from_slice(&day.text);
        place(&mut self.text, 11, minute / 60);
        place(&mut self.text, 14, minute % 60);
        self.whole[..17].copy_from_slice(&self.text[..17]);
        self.shown = (number, minute);
    }
}

impl Day {
    fn of(number: i64) -> Day {
        let date = i32::try_from(number).ok().and_then(NaiveDate::from_epoch_days).unwrap_or_default();
        // No day before year 1 and none after year 9999 is printed.
        let (_, year) = date.year_ce();
        let mut text = *b"0000-00-00";
        for (at, pair) in [(0, year / 100), (2, year % 100), (5, date.month()), (8, date.day())] {
            place(&mut text, at, pair);
        }
        Day { number, text }
    }
}

/// Writes a number below 100 as two digits.
#[inline(always)]
fn place<const N: usize>(text: &mut [u8; N], at: usize, number: u32) {
    let pair = PAIRS[number as usize];
    text[at] = pair[0];
    text[at + 1] = pair[1];
}

/// `00`, `01` ... `99`
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(27);
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

fn parse_time(text: &str) -> Option<Timestamp> {
    // "2026-04-30 10:00:00" keeps its space in the middle; only a later one can be a lost '+'.
    let mut text = text.trim().to_owned();
    if let Some(space) = text.rfind(' ').filter(|&at| at > 10) {
        text.replace_range(space..=space, "+");
    }
    let micros = match DateTime::parse_from_rfc3339(&text) {
        Ok(moment) => moment.timestamp_micros(),
        Err(_) => ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())?
            .and_utc()
            .timestamp_micros(),
    };
    in_range(micros)
}

fn parse_date(text: &str) -> Option<Timestamp> {
    let day = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()?;
    in_range(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

fn in_range(micros: i64) -> Option<Timestamp> {
    Some(Timestamp(micros)).filter(|time| (Timestamp::MIN..=Timestamp::MAX).contains(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_in_every_promised_form() {
        for (text, printed) in [
            ("2026-04-30T10:00:00Z", "2026-04-30T10:00:00Z"),
            ("2026-04-30T12:00:00+02:00", "2026-04-30T10:00:00Z"),
            ("2026-04-30T12:00:00 02:00", "2026-04-30T10:00:00Z"),
            ("2026-04-30T10:00:00", "2026-04-30T10:00:00Z"),
            ("2026-04-30 10:00:00.5", "2026-04-30T10:00:00.500000Z"),
            ("2026-04-30T10:00", "2026-04-30T10:00:00Z"),
            ("2026-04-30", "2026-04-30T00:00:00Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
            ("0001-01-01", "0001-01-01T00:00:00Z"),
        ] {
            let time = Timestamp::parse(text).map(|time| time.to_string());
            assert_eq!(time.as_deref(), Some(printed), "{text:?}");
        }
    }

    #[test]
    fn a_date_as_upper_bound_is_its_last_microsecond() {
        let end = Timestamp::parse_upper("2026-04-30").map(|time| time.to_string());
        assert_eq!(end.as_deref(), Some("2026-04-30T23:59:59.999999Z"));
        let time = Timestamp::parse_upper("2026-04-30T10:00:00Z").map(|time| time.to_string());
        assert_eq!(time.as_deref(), Some("2026-04-30T10:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "abc",
            "2026-13-01",
            "2026-02-30",
            "10000-01-01",
            "0000-01-01",
            "1777540800",
            "2026-04-30T25:00:00Z",
            "2026-04-30T10:00:00+99:00",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(micros in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let time = Timestamp(micros);
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn times_written_one_after_the_other_are_each_as_if_alone(times in proptest::collection::vec(0i64..400_000_000_000, 0..6)) {
            let (mut writer, mut together, mut alone) = (TimeWriter::default(), Vec::new(), Vec::new());
            for micros in times {
                writer.write(Timestamp(micros), &mut together);
                Timestamp(micros).write(&mut alone);
            }
            prop_assert_eq!(together, alone);
        }

        #[test]
        fn printed_whole_seconds_sort_as_the_times_do(a in 0i64..4_000_000_000, b in 0i64..4_000_000_000) {
            let (a, b) = (Timestamp::from_unix_seconds(a), Timestamp::from_unix_seconds(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
