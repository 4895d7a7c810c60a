//! This machine: configuration, files, disk, backups, who may connect.

use super::counted;
use crate::cli::doctor::Finding;
use crate::config::{MetricsAt, Network, Settings};
use indicatif::HumanBytes;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Beyond it a disk is most likely a network's or a memory card's.
const SLOW_FSYNC: Duration = Duration::from_millis(20);
/// A commit makes its data durable, then what says that they count.
const FSYNCS_A_COMMIT: u32 = 2;

/// The file that was read and what was complained about: `what is wrong; what to do`.
pub fn configuration(file: Option<&str>, warnings: &[String]) -> Vec<Finding> {
    let check = "configuration";
    let read = file.map_or_else(
        || "no file was read; flags, environment and defaults are in force".to_owned(),
        |file| format!("{file} was read; flags and environment win over it"),
    );
    let complaint = |warning: &String| {
        let (finding, advice) = warning.split_once("; ").unwrap_or((warning, "correct or remove it"));
        Finding::warn(check, finding, advice)
    };
    std::iter::once(Finding::ok(check, read)).chain(warnings.iter().map(complaint)).collect()
}

/// Who may read the data directory (its mode) and the files in it (each with its path and mode).
pub fn permissions(dir: (&str, u32), files: &[(String, u32)]) -> Vec<Finding> {
    let check = "permissions";
    let is_open = |mode: u32| mode & 0o077 != 0;
    let mut findings = Vec::new();
    if is_open(dir.1) {
        let finding = format!("others may enter {} (mode {:o})", dir.0, dir.1 & 0o7777);
        findings.push(Finding::warn(check, finding, &format!("chmod 700 {}", dir.0)));
    }
    for (path, mode) in files.iter().filter(|(_, mode)| is_open(*mode)) {
        let finding = format!("others may read or write {path} (mode {:o})", mode & 0o7777);
        let advice = format!("chmod 600 {path}");
        // Behind a closed door it does no harm yet.
        let found = if is_open(dir.1) { Finding::fail } else { Finding::warn };
        findings.push(found(check, finding, &advice));
    }
    if findings.is_empty() {
        let files = counted(files.len(), "file");
        findings.push(Finding::ok(check, format!("{} and the {files} in it are their owner's alone", dir.0)));
    }
    findings
}

/// Whose the data directory is, and who runs this command.
pub fn owner(dir: &str, owner: u32, own: u32) -> Option<Finding> {
    let finding = format!("{dir} is user {owner}'s, and this command runs as user {own}");
    let advice = "run smslite commands as the service's user, or files that they make are not the service's";
    (owner != own).then(|| Finding::warn("permissions", finding, advice))
}

/// Bytes that are free, and those of the database.
pub fn space(free: u64, database: u64) -> Finding {
    let check = "disk space";
    let finding = format!("{} are free, the database has {}", HumanBytes(free), HumanBytes(database));
    if free < 100 * MIB {
        return Finding::fail(
            check,
            finding,
            "make room now: when the disk is full, every message is refused",
        );
    }
    if free < GIB.max(database.saturating_mul(2)) {
        let advice = "make room: compacting, restoring and upgrading write a second file of its size";
        return Finding::warn(check, finding, advice);
    }
    Finding::ok(check, finding)
}

/// How long it took, each time, to make a small write durable.
pub fn fsync(mut times: Vec<Duration>) -> Finding {
    let check = "disk speed";
    times.sort();
    let (Some(most), Some(middle)) = (times.last(), times.get(times.len() / 2)) else {
        return Finding::skip(check, "nothing was written");
    };
    let commits = 1.0 / (*middle * FSYNCS_A_COMMIT).as_secs_f64().max(1e-6);
    let commits = if commits < 10.0 { format!("{commits:.1}") } else { format!("{commits:.0}") };
    let millis = |time: &Duration| time.as_secs_f64() * 1e3;
    let finding = format!(
        "an fsync takes {:.1} ms in the middle and {:.1} ms at most: some {commits} durable commits a second, each of up to 512 writes",
        millis(middle),
        millis(most),
    );
    if *middle > SLOW_FSYNC {
        let advice = "put the data directory on a local SSD: on a network disk or a memory card each message waits so long";
        return Finding::warn(check, finding, advice);
    }
    Finding::ok(check, finding)
}

/// What is known of the directory of scheduled backups.
#[derive(Clone, Debug)]
pub struct Backups {
    pub dir: String,
    pub every_hours: u64,
    /// Seconds since the newest was written; none: there is none.
    pub newest_age: Result<Option<u64>, String>,
    pub same_disk: bool,
}

pub fn backups(scheduled: Option<&Backups>) -> Vec<Finding> {
    let check = "backups";
    let Some(Backups { dir, every_hours, newest_age, same_disk }) = scheduled else {
        let advice = "set [backup] dir, or run smslite backup --follow DIR beside the server";
        return vec![Finding::warn(check, "none are made by schedule", advice)];
    };
    let mut findings = vec![match newest_age {
        Err(reason) => {
            let advice = "make the directory, for the service's user; the server's log tells of each try";
            Finding::fail(check, format!("{dir} cannot be read: {reason}"), advice)
        }
        Ok(None) => {
            let advice = "start the server: it makes the first one within a minute; else its log tells why";
            Finding::warn(check, format!("there is none in {dir} yet"), advice)
        }
        Ok(Some(age)) => {
            let finding = format!("the newest in {dir} is {} old", lasting(*age));
            let advice = "see the server's log for why none was made since";
            match *age > every_hours.saturating_mul(2 * 3600) {
                true => Finding::fail(check, finding, advice),
                false => Finding::ok(check, finding),
            }
        }
    }];
    if *same_disk {
        let advice = "name a directory on another disk or machine";
        findings.push(Finding::warn(check, format!("{dir} is on the disk that the data are on"), advice));
    }
    findings
}

/// `3 hours`
pub(super) fn lasting(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    counted(usize::try_from(count).unwrap_or(usize::MAX), unit)
}

/// Who may connect, and whose word is taken for where a request comes from. `generated`: the admin's password is one
/// that smslite made up.
pub fn reach_of_all(settings: &Settings, generated: bool) -> Vec<Finding> {
    let check = "listening";
    let mut findings = Vec::new();
    if !settings.is_loopback() && generated {
        let finding = format!(
            "smslite will not listen on {} while the admin's password is a generated one",
            settings.host
        );
        findings.push(Finding::fail(
            check,
            finding,
            "choose one: SMSLITE_ADMIN_PASSWORD_FILE, or smslite user set-password",
        ));
    }
    let everybody = |network: &Network| {
        [IpAddr::from(Ipv4Addr::new(8, 8, 8, 8)), Ipv6Addr::new(0x2001, 0x4860, 0, 0, 0, 0, 0, 0x8888).into()]
            .into_iter()
            .any(|address| network.contains(address))
    };
    if settings.trusted_proxies.iter().any(everybody) {
        let advice = "name the proxy's own address alone: whoever is trusted can pretend to be anybody";
        findings.push(Finding::warn(check, "trusted_proxies has addresses of the whole Internet", advice));
    }
    let https = settings.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    if https && settings.trusted_proxies.is_empty() {
        let finding = "public_url is https, so a proxy is in front, and trusted_proxies names none";
        let advice = "set trusted_proxies to its address (127.0.0.1 on this machine), or sign-in attempts of all people count as one person's";
        findings.push(Finding::warn(check, finding, advice));
    }
    if let MetricsAt::Own(at) = settings.metrics
        && !is_private(at.ip())
    {
        let finding = format!("metrics are served at {at} without a key");
        let advice = "let a firewall keep the world out, or name a private address";
        findings.push(Finding::warn(check, finding, advice));
    }
    if findings.is_empty() {
        let who = if settings.is_loopback() { "this machine alone connects" } else { "others connect" };
        findings.push(Finding::ok(check, format!("{who}: host is {}", settings.host)));
    }
    findings
}

/// An address that the Internet cannot reach.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            let here = v4.octets()[0] == 0;
            (v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared || here)
                && !v4.is_unspecified()
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
