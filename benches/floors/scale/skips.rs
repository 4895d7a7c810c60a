//! `skip=100000` with every combination of the conversations' filters, and with all single filters and pairs of
//! the message logs'.

use super::program::Running;
use super::table::Want;
use super::{KEY, Scale, least_bytes, p50_ms, plan, reads};
use crate::data::OUR_NUMBER;
use crate::load::fetch;
use anyhow::Context;
use serde_json::Value;

const SKIP: u64 = 100_000;
/// So many pages are asked for in turn, each a row further down: more than the server keeps the bytes of.
const PAGES: u64 = 32;
/// Each is asked for so long, once at least.
const SECONDS: f64 = 0.3;
/// In milliseconds: with at most one of the filters that counts are kept for, and with all others.
const QUICK: f64 = 5.0;
const ANY: f64 = 100.0;
/// Filters of both lists that counts are kept for.
const COUNTED: [&str; 2] = ["status", "assistant_id"];

pub(super) fn measure(scale: &mut Scale<'_>) -> anyhow::Result<()> {
    let server = scale.program.start(&scale.copy_of_large()?, &[])?;
    server.rest()?;
    lists(scale, &server)?;
    server.stop()
}

fn lists(scale: &mut Scale<'_>, server: &Running) -> anyhow::Result<()> {
    let conversations = [
        "status=active",
        "assistant_id=1",
        "customer_phone=234",
        "date_from=2024-03-01",
        "date_to=2024-11-30",
    ];
    let all = 0_u32..1 << conversations.len();
    let all = all.map(|mask| chosen(&conversations, mask)).collect();
    list(scale, server, "conversations", "/api/v1/sms-conversations/", all)?;
    let ours = format!("from_number={}", OUR_NUMBER.replace('+', "%2B"));
    let logs = [
        "provider=twilio",
        "direction=outbound",
        "status=delivered",
        "assistant_id=1",
        &ours,
        "to_number=234",
        "date_from=2024-03-01",
        "date_to=2024-11-30",
        "search=invoice",
    ];
    let whole = (1_u32 << logs.len()) - 1;
    let some = (0..=whole).filter(|mask| mask.count_ones() <= 2 || *mask == whole);
    let some = some.map(|mask| chosen(&logs, mask)).collect();
    list(scale, server, "message logs", "/api/v1/sms-logs/", some)
}

fn chosen<'f>(filters: &[&'f str], mask: u32) -> Vec<&'f str> {
    let filters = filters.iter().enumerate();
    filters.filter(|(at, _)| mask & (1 << at) != 0).map(|(_, filter)| *filter).collect()
}

fn list(
    scale: &mut Scale<'_>,
    server: &Running,
    name: &str,
    route: &str,
    combinations: Vec<Vec<&str>>,
) -> anyhow::Result<()> {
    let mut worst = (0.0, String::new());
    for filters in combinations {
        let (p50, rows) = deep(scale, server, route, &filters)?;
        let filtered = if filters.is_empty() { "unfiltered".to_owned() } else { filters.join("&") };
        // Fewer match than are passed over.
        let remark = match rows {
            0 => "no page: all rows are looked through".to_owned(),
            rows => format!("{rows} rows"),
        };
        let is_counted = |filter: &&str| COUNTED.iter().any(|counted| filter.starts_with(counted));
        if filters.len() <= 1 && filters.iter().all(is_counted) {
            let what = format!("{name}, skip={SKIP}, {filtered}");
            scale.table.remark(what, p50, "ms", Want::AtMost(QUICK), remark.clone());
        } else if p50 > worst.0 {
            worst = (p50, format!("{filtered}: {remark}"));
        }
        let what = if rows == 0 { format!("{filtered} ({remark})") } else { filtered };
        let figures = vec![("p50 ms", p50), ("rows", rows as f64)];
        scale.table.detail("skip=100000", format!("{name}, {what}"), figures);
    }
    let (worst, said) = worst;
    let what = format!("{name}, skip={SKIP}, the slowest of all other filters and combinations");
    scale.table.remark(what, worst, "ms", Want::AtMost(ANY), said);
    Ok(())
}

/// The p50 in milliseconds, and how many rows the first of the pages has.
fn deep(
    scale: &mut Scale<'_>,
    server: &Running,
    route: &str,
    filters: &[&str],
) -> anyhow::Result<(f64, usize)> {
    let path = |skip| {
        let path = format!("{route}?skip={skip}&limit=50&{}", filters.join("&"));
        path.trim_end_matches('&').to_owned()
    };
    let paths: Vec<String> = (SKIP..SKIP + PAGES).map(path).collect();
    // The first one brings what it reads into memory.
    let rows = rows(&fetch(server.address, KEY, &paths[0])?.body)?;
    let ends = paths.iter().take(1).chain(paths.last());
    let least = least_bytes(server.address, KEY, ends)?;
    let mut plan = plan(server.address, 1, SECONDS, reads(KEY, paths));
    plan.least_bytes = least;
    Ok((p50_ms(&mut scale.load, &plan)?, rows))
}

/// Of a list, or of the list in an object.
fn rows(body: &[u8]) -> anyhow::Result<usize> {
    let answer: Value = serde_json::from_slice(body)?;
    let rows = answer.as_array().or_else(|| answer["items"].as_array());
    Ok(rows.context("an answer is no list")?.len())
}
