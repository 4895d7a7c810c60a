//! Times as people read them: how long ago, with the exact one beside it, in the zone of the browser.

use crate::model::time::Timestamp;
use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, FixedOffset, Utc};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Minutes east of Greenwich. The page's script tells the browser's by a cookie; without it is UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone(pub i32);

/// A moment as pages show it: written into one, it is its distance, with the exact time on hover.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "when.html")]
pub struct When {
    /// For programs: `2026-04-30T10:05:00Z`
    pub machine: String,
    /// `Thursday, 30 April 2026, 12:05:00 (UTC+02:00)`
    pub exact: String,
    /// `5 min ago`, `in 3 h`, `30 Apr`
    pub relative: String,
    /// `12:05`
    pub clock: String,
    /// `Thursday, 30 April 2026`
    pub day: String,
}

/// Its template has escaped it.
impl HtmlSafe for When {}

impl Zone {
    /// What the cookie says, if it can be a zone's.
    pub fn parse(text: &str) -> Option<Zone> {
        text.parse().ok().filter(|minutes| (-14 * 60..=14 * 60).contains(minutes)).map(Zone)
    }

    fn offset(self) -> FixedOffset {
        FixedOffset::east_opt(self.0 * 60).unwrap_or_else(|| FixedOffset::east_opt(0).expect("UTC is a zone"))
    }

    /// `UTC`, `UTC+02:00`
    fn name(self) -> String {
        match self.0 {
            0 => "UTC".to_owned(),
            minutes => format!(
                "UTC{}{:02}:{:02}",
                if minutes < 0 { '-' } else { '+' },
                minutes.abs() / 60,
                minutes.abs() % 60
            ),
        }
    }

    pub fn when(self, at: Timestamp, now: Timestamp) -> When {
        let utc = DateTime::<Utc>::from_timestamp_micros(at.0).unwrap_or_default();
        let local = utc.with_timezone(&self.offset());
        When {
            machine: at.to_string(),
            exact: format!("{} ({})", local.format("%A, %-d %B %Y, %H:%M:%S"), self.name()),
            relative: self.relative(at, now),
            clock: local.format("%H:%M").to_string(),
            day: local.format("%A, %-d %B %Y").to_string(),
        }
    }

    fn relative(self, at: Timestamp, now: Timestamp) -> String {
        let seconds = now.unix_seconds() - at.unix_seconds();
        let span = match seconds.abs() {
            0..45 => return "just now".to_owned(),
            near @ 45..HOUR => format!("{} min", ((near + MINUTE / 2) / MINUTE).clamp(1, 59)),
            near @ HOUR..DAY => format!("{} h", near / HOUR),
            near if near < 7 * DAY => format!("{} d", near / DAY),
            _ => {
                let date = |at: Timestamp| {
                    let utc = DateTime::<Utc>::from_timestamp_micros(at.0).unwrap_or_default();
                    utc.with_timezone(&self.offset())
                };
                let (then, today) = (date(at), date(now));
                let same_year = then.format("%Y").to_string() == today.format("%Y").to_string();
                return then.format(if same_year { "%-d %b" } else { "%-d %b %Y" }).to_string();
            }
        };
        if seconds < 0 { format!("in {span}") } else { format!("{span} ago") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_time_is_told_by_its_distance() {
        let now = at("2026-04-30T12:00:00Z");
        for (moment, relative) in [
            ("2026-04-30T12:00:00Z", "just now"),
            ("2026-04-30T11:59:20Z", "just now"),
            ("2026-04-30T11:59:10Z", "1 min ago"),
            ("2026-04-30T11:00:01Z", "59 min ago"),
            ("2026-04-30T11:00:00Z", "1 h ago"),
            ("2026-04-29T12:00:01Z", "23 h ago"),
            ("2026-04-29T12:00:00Z", "1 d ago"),
            ("2026-04-24T12:00:00Z", "6 d ago"),
            ("2026-04-20T12:00:00Z", "20 Apr"),
            ("2025-12-31T12:00:00Z", "31 Dec 2025"),
            ("2026-05-01T11:00:00Z", "in 23 h"),
        ] {
            assert_eq!(Zone(0).when(at(moment), now).relative, relative, "{moment}");
        }
    }

    #[test]
    fn the_exact_time_is_in_the_zone_of_the_browser() {
        let now = at("2026-04-30T12:00:00Z");
        for (zone, clock, day, exact) in [
            (0, "23:30", "Wednesday, 29 April 2026", "Wednesday, 29 April 2026, 23:30:00 (UTC)"),
            (120, "01:30", "Thursday, 30 April 2026", "Thursday, 30 April 2026, 01:30:00 (UTC+02:00)"),
            (-210, "20:00", "Wednesday, 29 April 2026", "Wednesday, 29 April 2026, 20:00:00 (UTC-03:30)"),
        ] {
            let when = Zone(zone).when(at("2026-04-29T23:30:00Z"), now);
            assert_eq!((when.clock.as_str(), when.day.as_str(), when.exact.as_str()), (clock, day, exact));
            assert_eq!(when.machine, "2026-04-29T23:30:00Z");
        }
    }

    #[test]
    fn what_is_no_zone_is_not_taken_for_one() {
        for (text, zone) in [("120", Some(Zone(120))), ("-720", Some(Zone(-720))), ("841", None), ("x", None)]
        {
            assert_eq!(Zone::parse(text), zone, "{text}");
        }
    }
}
