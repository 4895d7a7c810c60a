//! `skip=100000` with every combination of the conversations' filters, and with all single filters and pairs of
//! the message logs'.

use super::program::Running;
use super::table::Want;
use super::{KEY, Scale, p50_ms};
use crate::data::OUR_NUMBER;
use crate::load::fetch;

const SKIP: u64 = 100_000;
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
        let said = if filters.is_empty() { "unfiltered".to_owned() } else { filters.join("&") };
        let path = format!("{route}?skip={SKIP}&limit=50&{}", filters.join("&"));
        let path = path.trim_end_matches('&').to_owned();
        // The first one brings what it reads into memory.
        fetch(server.address, KEY, &path)?;
        let p50 = p50_ms(&mut scale.load, server.address, KEY, path, SECONDS)?;
        let is_counted = |filter: &&str| COUNTED.iter().any(|counted| filter.starts_with(counted));
        if filters.len() <= 1 && filters.iter().all(is_counted) {
            scale.table.add(format!("{name}, skip={SKIP}, {said}"), p50, "ms", Want::AtMost(QUICK));
        } else if p50 > worst.0 {
            worst = (p50, said.clone());
        }
        scale.table.detail("skip=100000", format!("{name}, {said}"), vec![("p50 ms", p50)]);
    }
    let (worst, said) = worst;
    let what = format!("{name}, skip={SKIP}, the slowest of all other filters and combinations");
    scale.table.remark(what, worst, "ms", Want::AtMost(ANY), said);
    Ok(())
}
