//! What others see: the public URL, the webhooks' URLs, the clock.

use super::machine::{is_private, lasting};
use crate::cli::doctor::Finding;
use http::Uri;
use serde_json::Value;
use std::net::IpAddr;

/// What somebody answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// `X-Request-Id`
    pub request_id: Option<String>,
    /// `Server`
    pub server: Option<String>,
    /// `Location`
    pub location: Option<String>,
    /// How many seconds its `Date` is ahead of our clock.
    pub ahead_seconds: Option<i64>,
    pub body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The process that answered `/readyz`, if it is an smslite.
    pub fn instance(&self) -> Option<String> {
        self.json()["instance"].as_str().map(str::to_owned)
    }

    /// As far as it is not the answer that was wanted.
    fn told(&self) -> String {
        let of = self.server.as_ref().map(|server| format!(" of {server}")).unwrap_or_default();
        format!("the answer is {}{of}", self.status)
    }
}

/// What the server of this data directory answered to `/readyz` and `/health`.
pub fn server(url: &str, ready: &Answer, health: Option<&Answer>) -> Finding {
    let (check, own) = ("server", env!("CARGO_PKG_VERSION"));
    let version = health.and_then(|answer| Some(answer.json()["version"].as_str()?.to_owned()));
    match version {
        _ if ready.status != 200 => {
            let detail = ready.json()["detail"].as_str().unwrap_or("it does not say why").to_owned();
            let advice =
                "make the disk take writes again; the server tries once a second and need not be restarted";
            Finding::fail(check, format!("{url} takes no writes: {detail}"), advice)
        }
        Some(version) if version != own => {
            let finding = format!("{url} runs {version}, and this command is {own}");
            Finding::warn(check, finding, "restart the server, so that it runs what is installed")
        }
        _ => Finding::ok(check, format!("{url} is ready, version {own}")),
    }
}

const PUBLIC_URL: &str = "public_url";

/// The URL by itself. `real`: carriers are in use that have to reach it.
pub fn public_url(url: Option<&str>, real: bool) -> Finding {
    let Some(url) = url else {
        return match real {
            false => Finding::skip(PUBLIC_URL, "not set, and no carrier needs it"),
            true => Finding::warn(
                PUBLIC_URL,
                "not set: signatures are checked over what the proxy says of the URL, and receipts are sent where the carrier was told by hand",
                "set it to the URL that carriers call, as in https://sms.example.com",
            ),
        };
    };
    let parsed: Option<Uri> = url.parse().ok();
    let Some((uri, host)) = parsed.as_ref().and_then(|uri| Some((uri, uri.host()?))) else {
        return Finding::fail(
            PUBLIC_URL,
            format!("{url} is no URL that can be called"),
            "write it as https://sms.example.com",
        );
    };
    if uri.path().contains("/webhooks") || uri.path().contains("/api/") {
        let advice = "take the path off: smslite appends /webhooks/sms/... itself";
        return Finding::fail(PUBLIC_URL, format!("{url} has a path that is one of smslite's own"), advice);
    }
    if real && !is_public_host(host) {
        let advice = "set it to the address by which the Internet reaches this server";
        return Finding::fail(
            PUBLIC_URL,
            format!("carriers cannot reach {url}: it is a private address"),
            advice,
        );
    }
    if real && uri.scheme_str() != Some("https") {
        let advice = "put a proxy with a certificate in front, and set public_url to https://...";
        return Finding::warn(
            PUBLIC_URL,
            format!("{url} is not https: messages of customers travel in clear text"),
            advice,
        );
    }
    Finding::ok(PUBLIC_URL, url)
}

/// A name with a dot, or an address that is not private.
fn is_public_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => !is_private(address) && !address.is_unspecified(),
        Err(_) => {
            bare.contains('.')
                && ![".local", ".internal", ".localhost", ".lan"].iter().any(|end| bare.ends_with(end))
        }
    }
}

/// What the name in the URL leads to.
pub fn name(host: &str, found: &Result<Vec<IpAddr>, String>, real: bool) -> Option<Finding> {
    let check = "dns";
    if host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
        return None;
    }
    let advice = "make the name's A or AAAA record lead to this server, and wait until it is known";
    Some(match found {
        Err(reason) => Finding::fail(check, format!("{host} is not found: {reason}"), advice),
        Ok(addresses) if addresses.is_empty() => {
            Finding::fail(check, format!("{host} has no address"), advice)
        }
        Ok(addresses) => {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let finding = format!("{host} is {}", list.join(", "));
            match real && addresses.iter().all(|address| is_private(*address)) {
                true => Finding::warn(
                    check,
                    format!("{finding}, which is private, as seen from here"),
                    "unless your own resolver answers differently than the world's, carriers cannot reach it",
                ),
                false => Finding::ok(check, finding),
            }
        }
    })
}

/// Whether `{public_url}/readyz` was answered by the server of this data directory.
pub fn reach(url: &str, answer: &Result<Answer, String>, instance: &str) -> Finding {
    let check = "reachable";
    let answer = match answer {
        Err(reason) => {
            return Finding::fail(
                check,
                format!("{url} cannot be reached from here: {reason}"),
                unreachable(reason),
            );
        }
        Ok(answer) => answer,
    };
    match answer.instance() {
        Some(found) if found == instance => Finding::ok(check, format!("{url} leads to this server")),
        Some(_) => Finding::fail(
            check,
            format!("{url} leads to another smslite than the one of this data directory"),
            "let the proxy pass requests to this server, or run doctor with the other one's --data-dir",
        ),
        None => astray(check, url, answer),
    }
}

fn unreachable(reason: &str) -> &'static str {
    if reason.contains("certificate") {
        "renew the certificate, and let the proxy send the whole chain; carriers refuse what is not valid"
    } else if reason.contains("no answer") {
        "open the firewall; if only this machine cannot call its own public address, try curl from elsewhere"
    } else {
        "start the proxy and open its port; if only this machine cannot call its own public address, try curl from elsewhere"
    }
}

/// Somebody answered who is not smslite.
fn astray(check: &str, url: &str, answer: &Answer) -> Finding {
    let told = answer.told();
    match (answer.status, &answer.location) {
        (300..=399, Some(to)) => Finding::fail(
            check,
            format!("{url} leads elsewhere: {told}, to {to}"),
            "carriers follow no redirect: set public_url to where it ends, or stop redirecting",
        ),
        (401 | 403, _) => Finding::fail(
            check,
            format!("{url} is guarded by something before smslite: {told}"),
            "let the proxy or firewall pass carriers on without asking for a login; smslite checks their signatures",
        ),
        (502..=504, _) => Finding::fail(
            check,
            format!("the proxy at {url} does not reach smslite: {told}"),
            "correct the proxy's upstream: the address and port that smslite listens on",
        ),
        _ => Finding::fail(
            check,
            format!("{url} is not smslite: {told}"),
            "let the proxy pass every path on as it is (less public_url's own path), and public_url be the proxy's",
        ),
    }
}

/// Whether a POST that is larger than any webhook was refused by smslite itself. Such a one is turned away before it
/// is taken for a webhook, so it is not in the list of refused ones.
pub fn webhook(provider: &str, url: &str, answer: &Result<Answer, String>, sent_id: &str) -> Finding {
    let check = format!("{provider} webhook");
    let answer = match answer {
        Err(reason) => {
            return Finding::fail(
                &check,
                format!("{url} cannot be reached from here: {reason}"),
                unreachable(reason),
            );
        }
        Ok(answer) => answer,
    };
    let said = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    let ours = answer.request_id.as_deref() == Some(sent_id) && !said.is_empty();
    let tell_them = format!("{url} reaches smslite: this is what {provider} has to call");
    match answer.status {
        413 if said.starts_with("The body is larger than") => Finding::ok(&check, tell_them),
        503 if ours => Finding::ok(&check, format!("{tell_them}; it was too busy to look closer")),
        404 | 405 if ours => Finding::fail(
            &check,
            format!("{url} reaches smslite by another path or method than was called"),
            "let the proxy pass path and method on as they are (less public_url's own path)",
        ),
        413 => Finding::fail(
            &check,
            format!("something before smslite refuses bodies of 64 KiB at {url}"),
            "raise the proxy's limit (nginx: client_max_body_size): webhooks may be so large",
        ),
        _ => astray(&check, url, answer),
    }
}

/// How far others' clocks are ahead of ours, in seconds, by who they are.
pub fn clock(others: &[(String, i64)]) -> Finding {
    let check = "clock";
    // One who is wrong is outvoted.
    let mut sorted: Vec<_> = others.iter().collect();
    sorted.sort_by_key(|(_, ahead)| *ahead);
    let Some((who, ahead)) = sorted.get(sorted.len() / 2) else {
        return Finding::skip(check, "nobody was asked for the time");
    };
    let seconds = ahead.unsigned_abs();
    if seconds <= 60 {
        return Finding::ok(check, format!("within {} of {who}'s", lasting(seconds.max(1))));
    }
    let which = if *ahead > 0 { "behind" } else { "ahead of" };
    let finding = format!("this machine is {} {which} {who}", lasting(seconds));
    let advice = "let the machine keep its time (timedatectl set-ntp true): signatures are good for five minutes, tokens and sessions go by it";
    if seconds > 300 { Finding::fail(check, finding, advice) } else { Finding::warn(check, finding, advice) }
}
