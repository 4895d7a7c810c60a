//! Each read on much data and on little, two servers in turn, and the same of a tenant with ten conversations
//! beside the one with nearly all.

use super::program::Running;
use super::table::Want;
use super::{KEY, Scale, compared, least_bytes, median, plan, reads, sound};
use crate::data::{Made, TINY_API_KEY};
use crate::load::Measured;

/// How many times the p50 may be as long.
const FLAT: f64 = 1.25;

pub(super) fn measure(scale: &mut Scale<'_>) -> anyhow::Result<()> {
    let small = scale.program.start(&scale.copy_of_small()?, &[])?;
    let large = scale.program.start(&scale.copy_of_large()?, &[])?;
    let (rested, _) = (large.rest()?, small.rest()?);
    let remark = "what it does by itself after a start";
    scale.table.remark("work after a start on much", rested.as_secs_f64(), "s", Want::Nothing, remark);
    let servers = [&small, &large];
    let paths = compared(&scale.small).into_iter().zip(compared(&scale.large));
    for ((name, few), (_, many)) in paths.collect::<Vec<_>>() {
        pair(scale, &name, "", KEY, servers, [few, many])?;
    }
    let (few, many) = (tiny(&scale.small.made), tiny(&scale.large.made));
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        pair(scale, name, "tenant with 10, ", TINY_API_KEY, servers, [few, many])?;
    }
    large.stop()?;
    small.stop()
}

/// The reads of the tenant with ten conversations.
fn tiny(made: &Made) -> Vec<(&'static str, Vec<String>)> {
    let each = |after: &str| {
        let path = |id: &u64| format!("/api/v1/sms-conversations/{id}{after}");
        made.tiny.iter().map(path).collect()
    };
    // All of them, by many names: of one page the server would keep the bytes.
    let list = (10..210).map(|limit| format!("/api/v1/sms-conversations/?limit={limit}")).collect();
    vec![
        ("list", list),
        ("one conversation", each("")),
        ("messages", each("/messages")),
        ("message logs", vec!["/api/v1/sms-logs/?direction=outbound&status=delivered".to_owned()]),
    ]
}

/// One read, on little and on much, with one client and with sixteen.
fn pair(
    scale: &mut Scale<'_>,
    name: &str,
    prefix: &str,
    key: &str,
    servers: [&Running; 2],
    paths: [Vec<String>; 2],
) -> anyhow::Result<()> {
    let least = |side: usize| least_bytes(servers[side].address, key, paths[side].iter());
    let least = [least(0)?, least(1)?];
    let mut figures = Vec::new();
    let mut ratio = f64::NAN;
    for (connections, names) in [
        (1, ["1 client: p50 ms, few", "p99 ms, few", "p50 ms, many", "p99 ms, many"]),
        (16, ["16 clients: p50 ms, few", "p99 ms, few", "p50 ms, many", "p99 ms, many"]),
    ] {
        let mut rounds: [Vec<Measured>; 2] = Default::default();
        // The round before the first warms up.
        for round in 0..=scale.size.rounds {
            for side in 0..2 {
                let requests = reads(key, paths[side].clone());
                let mut plan = plan(servers[side].address, connections, scale.size.seconds, requests);
                plan.least_bytes = least[side];
                let measured = sound(scale.load.ask(&plan)?)?;
                if round > 0 {
                    rounds[side].push(measured);
                }
            }
        }
        let of = |side: usize, part: fn(&Measured) -> u32| {
            median(rounds[side].iter().map(|round| f64::from(part(round)) / 1000.0).collect())
        };
        let [few, many] = [of(0, |it| it.p50_micros), of(1, |it| it.p50_micros)];
        let tails = [of(0, |it| it.p99_micros), of(1, |it| it.p99_micros)];
        figures.extend(names.into_iter().zip([few, tails[0], many, tails[1]]));
        if connections == 1 {
            ratio = many / few;
        }
    }
    let what = format!("{prefix}{name}: p50 on much against p50 on little");
    scale.table.add(what, ratio, "times", Want::AtMost(FLAT));
    scale.table.detail("warm reads", format!("{prefix}{name}"), figures);
    Ok(())
}
