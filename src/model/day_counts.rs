//! Messages by the day of somebody's zone: when their days begin, and how many there were by carrier.

use super::call::Direction;
use super::message_log::{LogCounts, Provider};
use super::time::Timestamp;
use std::collections::BTreeMap;

/// No more days are told of at once.
pub const MOST_DAYS: u32 = 366;
/// No zone is further from UTC.
const MOST_MINUTES: i32 = 24 * 60;
const DAY_MICROS: i64 = 86_400_000_000;
const MINUTE_MICROS: i64 = 60_000_000;

/// One carrier's messages of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    pub inbound: u64,
    pub outbound: u64,
    /// Of ours those that did not arrive and will not.
    pub failed: u64,
}

impl Volume {
    pub fn total(self) -> u64 {
        self.inbound + self.outbound
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCounts {
    /// When it begins.
    pub begins_at: Timestamp,
    /// As it is called there: `2026-04-30`.
    pub date: String,
    /// Of carriers that had messages.
    pub providers: BTreeMap<Provider, Volume>,
}

/// When the last so many days begin in a zone that is so many minutes before UTC, the oldest first; then when the last one ends.
pub fn day_bounds(now: Timestamp, days: u32, zone_minutes: i32) -> Vec<Timestamp> {
    let zone = zone_micros(zone_minutes);
    let today = (now.0 + zone).div_euclid(DAY_MICROS);
    let days = i64::from(days.clamp(1, MOST_DAYS));
    (today - days + 1..=today + 1).map(|day| Timestamp(day * DAY_MICROS - zone)).collect()
}

impl DayCounts {
    pub fn new(begins_at: Timestamp, zone_minutes: i32, counts: &LogCounts) -> DayCounts {
        let local = Timestamp(begins_at.0 + zone_micros(zone_minutes)).to_string();
        let mut providers: BTreeMap<Provider, Volume> = BTreeMap::new();
        for (kind, count) in counts.by(|kind| kind) {
            let volume = providers.entry(kind.provider).or_default();
            match kind.direction {
                Direction::Inbound => volume.inbound += count,
                Direction::Outbound => volume.outbound += count,
            }
            if kind.status.is_failure() {
                volume.failed += count;
            }
        }
        DayCounts { begins_at, date: local.chars().take(10).collect(), providers }
    }
}

fn zone_micros(minutes: i32) -> i64 {
    i64::from(minutes.clamp(-MOST_MINUTES, MOST_MINUTES)) * MINUTE_MICROS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_of_the_zone_and_today_is_the_last() {
        for (now, days, zone, begin, end, first) in [
            ("2026-04-30T10:00:00Z", 1, 0, "2026-04-30T00:00:00Z", "2026-05-01T00:00:00Z", "2026-04-30"),
            ("2026-04-30T10:00:00Z", 3, 0, "2026-04-28T00:00:00Z", "2026-05-01T00:00:00Z", "2026-04-28"),
            ("2026-04-30T23:30:00Z", 1, 120, "2026-04-30T22:00:00Z", "2026-05-01T22:00:00Z", "2026-05-01"),
            ("2026-04-30T00:30:00Z", 2, -330, "2026-04-28T05:30:00Z", "2026-04-30T05:30:00Z", "2026-04-28"),
            ("2026-04-30T00:00:00Z", 1, 0, "2026-04-30T00:00:00Z", "2026-05-01T00:00:00Z", "2026-04-30"),
            (
                "2026-04-30T10:00:00Z",
                0,
                i32::MAX,
                "2026-04-30T00:00:00Z",
                "2026-05-01T00:00:00Z",
                "2026-05-01",
            ),
        ] {
            let bounds = day_bounds(Timestamp::parse(now).unwrap(), days, zone);
            let told = (bounds[0].to_string(), bounds.last().unwrap().to_string());
            assert_eq!(told, (begin.to_owned(), end.to_owned()), "{now} {zone}");
            assert_eq!(bounds.len() as u32, days.max(1) + 1, "{now} {zone}");
            assert_eq!(DayCounts::new(bounds[0], zone, &LogCounts::default()).date, first, "{now} {zone}");
        }
        assert_eq!(day_bounds(Timestamp(0), u32::MAX, 0).len() as u32, MOST_DAYS + 1);
    }
}
