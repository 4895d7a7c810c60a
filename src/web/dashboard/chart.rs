//! Messages by day and carrier as a picture, and as a table for who does not see it. Plain shapes with the sizes as
//! attributes: pages allow no other style than our own file's.

use super::table::counted;
use crate::model::day_counts::{DayCounts, Volume};
use crate::model::message_log::Provider;
use askama::Template;
use askama::filters::HtmlSafe;
use chrono::NaiveDate;

/// The picture's own measure; it is shown as wide as there is room.
const WIDTH: u64 = 700;
/// Room for numbers at the left.
const LEFT: u64 = 44;
const TOP: u64 = 10;
const HEIGHT: u64 = 150;

/// Written into a page, the picture and its table.
#[derive(Template)]
#[template(path = "chart.html")]
pub struct Chart {
    days: Vec<Day>,
    carriers: Vec<Provider>,
    lines: Vec<Line>,
    total: u64,
    failed: u64,
}

/// Its template has escaped it.
impl HtmlSafe for Chart {}

struct Day {
    /// `Thursday, 30 April`
    name: String,
    /// `30`, or `30 Apr` where that is not clear
    short: String,
    /// The middle of its column.
    x: u64,
    bars: Vec<Bar>,
    total: u64,
    failed: u64,
    /// Of each carrier that the chart has.
    volumes: Vec<Volume>,
    /// Its logs.
    logs: String,
}

struct Bar {
    /// The style's name of what it counts.
    class: &'static str,
    x: u64,
    y: u64,
    width: u64,
    height: u64,
}

/// A line across, with its number.
struct Line {
    y: u64,
    number: u64,
}

impl Chart {
    pub fn new(counts: &[DayCounts]) -> Chart {
        let is_there = |carrier: &Provider| counts.iter().any(|day| day.providers.contains_key(carrier));
        let carriers: Vec<Provider> = Provider::ALL.into_iter().filter(is_there).collect();
        let totals = counts.iter().map(|day| day.providers.values().map(|it| it.total()).sum());
        let top = round_above(totals.max().unwrap_or(0));
        let mut days: Vec<Day> = Vec::new();
        let step = (WIDTH - LEFT) / (counts.len() as u64).max(1);
        for (at, counts) in counts.iter().enumerate() {
            let left = LEFT + at as u64 * step;
            days.push(day(counts, &carriers, (left, step), top, at == 0));
        }
        let line = |number: u64| Line { y: TOP + HEIGHT - height(number, top), number };
        Chart {
            total: days.iter().map(|day| day.total).sum(),
            failed: days.iter().map(|day| day.failed).sum(),
            lines: [0, top / 2, top].map(line).into(),
            days,
            carriers,
        }
    }

    /// `12 messages, 1 failed`
    fn told(number: &u64, failed: &u64) -> String {
        format!("{}, {failed} failed", counted(*number, "message"))
    }

    /// Where the days' names are.
    fn foot(&self) -> u64 {
        TOP + HEIGHT + 18
    }

    fn class(carrier: &Provider) -> &'static str {
        ["c0", "c1", "c2", "c3"][*carrier as usize % 4]
    }
}

fn day(counts: &DayCounts, carriers: &[Provider], (left, step): (u64, u64), top: u64, first: bool) -> Day {
    let of = |carrier: &Provider| counts.providers.get(carrier).copied().unwrap_or_default();
    let volumes: Vec<Volume> = carriers.iter().map(of).collect();
    let failed = volumes.iter().map(|it| it.failed).sum();
    let (mut bars, mut so_far) = (Vec::new(), 0);
    // Carriers stand on each other, what failed stands beside them.
    let mut bar = |class, x, (from, to): (u64, u64), width| {
        let (low, high) = (height(from, top), height(to, top));
        let is_there = to > from;
        // What there is, is to be seen.
        let height = if is_there { (high - low).max(1) } else { 0 };
        bars.extend(is_there.then_some(Bar { class, x, y: TOP + HEIGHT - low - height, width, height }));
    };
    for (carrier, volume) in carriers.iter().zip(&volumes) {
        let next = so_far + volume.total();
        bar(Chart::class(carrier), left + step / 6, (so_far, next), step / 2);
        so_far = next;
    }
    bar("cf", left + step / 6 + step / 2 + 1, (0, failed), (step / 6).max(1));
    let date = NaiveDate::parse_from_str(&counts.date, "%Y-%m-%d").unwrap_or_default();
    let is_month = first || date.format("%-d").to_string() == "1";
    Day {
        name: date.format("%A, %-d %B").to_string(),
        short: date.format(if is_month { "%-d %b" } else { "%-d" }).to_string(),
        x: left + step / 2,
        bars,
        total: so_far,
        failed,
        volumes,
        logs: logs(counts),
    }
}

/// Where the day's logs are: the end is a part of the range.
fn logs(day: &DayCounts) -> String {
    let end = crate::model::time::Timestamp(day.begins_at.0 + 86_400_000_000 - 1);
    format!("/message-logs?date_from={}&date_to={end}", day.begins_at)
}

fn height(count: u64, top: u64) -> u64 {
    (u128::from(count) * u128::from(HEIGHT) / u128::from(top.max(1))) as u64
}

/// A number that is easily read, no less than this one: 2, 4, 10, 20, 40, 100...
fn round_above(count: u64) -> u64 {
    let mut power = 1u64;
    loop {
        for round in [2, 4, 10].map(|times| power.saturating_mul(times)) {
            if round >= count || power == u64::MAX {
                return round;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;
    use std::collections::BTreeMap;

    fn counts(date: &str, volumes: &[(Provider, u64, u64)]) -> DayCounts {
        let begins_at = Timestamp::parse(date).unwrap();
        let providers: BTreeMap<_, _> = volumes
            .iter()
            .map(|(it, inbound, failed)| {
                (*it, Volume { inbound: *inbound, outbound: *failed, failed: *failed })
            })
            .collect();
        DayCounts { begins_at, date: date.to_owned(), providers }
    }

    #[test]
    fn a_scale_ends_at_a_number_that_is_easily_read() {
        for (count, top) in
            [(0, 2), (2, 2), (3, 4), (5, 10), (11, 20), (100, 100), (101, 200), (7_000, 10_000)]
        {
            assert_eq!(round_above(count), top, "{count}");
        }
        assert!(round_above(u64::MAX) > 0);
    }

    #[test]
    fn carriers_stand_on_each_other_and_failures_beside() {
        let quiet = counts("2026-04-29", &[]);
        let busy = counts("2026-04-30", &[(Provider::Twilio, 40, 10), (Provider::Vonage, 50, 0)]);
        let chart = Chart::new(&[quiet, busy]);
        assert_eq!((chart.total, chart.failed), (100, 10));
        assert!(chart.days[0].bars.is_empty());
        let [twilio, vonage, failed] = &chart.days[1].bars[..] else { panic!("three bars") };
        assert_eq!((twilio.class, vonage.class, failed.class), ("c0", "c2", "cf"));
        assert_eq!((twilio.height, vonage.height, failed.height), (75, 75, 15));
        assert_eq!(vonage.y + vonage.height, twilio.y);
        assert_eq!(failed.y + failed.height, TOP + HEIGHT);
        assert!(failed.x >= twilio.x + twilio.width);
    }

    #[test]
    fn one_among_many_is_seen() {
        let chart = Chart::new(&[counts("2026-04-30", &[(Provider::Twilio, 100_000, 1)])]);
        assert_eq!(chart.days[0].bars.last().map(|bar| (bar.class, bar.height)), Some(("cf", 1)));
    }

    #[test]
    fn the_chart_has_no_style_of_its_own_and_a_table_for_who_does_not_see_it() {
        let html = Chart::new(&[counts("2026-04-30", &[(Provider::Telnyx, 3, 1)])]).to_string();
        assert!(!html.contains("style="), "{html}");
        for part in
            ["<title id=\"chart-title\">", "<desc id=\"chart-desc\">", "role=\"img\"", "<table", "telnyx"]
        {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
