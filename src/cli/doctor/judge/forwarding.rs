//! Forwarding: where messages go, and what did not get there.

use super::counted;
use crate::app::reach::Reach;
use crate::cli::doctor::Finding;
use http::Uri;
use std::net::IpAddr;

const CHECK: &str = "forwarding";

/// `receivers`: assistants, and the URLs that their messages are forwarded to.
pub fn forwarding(parked: u64, receivers: &[(String, String)], reach: &Reach) -> Vec<Finding> {
    let mut findings: Vec<_> = receivers.iter().filter_map(|(who, url)| receiver(who, url, reach)).collect();
    if parked > 0 {
        let finding = format!("{} could not be forwarded in time", counted(parked as usize, "message"));
        let advice = "smslite parked list tells why; once the URL answers: smslite parked replay --all";
        findings.push(Finding::warn(CHECK, finding, advice));
    }
    if findings.is_empty() && !receivers.is_empty() {
        let count = counted(receivers.len(), "assistant");
        findings.push(Finding::ok(CHECK, format!("messages of {count} are forwarded, and none is parked")));
    }
    findings
}

fn receiver(who: &str, url: &str, reach: &Reach) -> Option<Finding> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = host.parse().ok();
    if address.is_some_and(|address| !reach.allows(address)) {
        let finding = format!("messages of {who} go to {host}, which is not called: it is no public address");
        return Some(Finding::fail(CHECK, finding, "name its network in forwarding.allowed_networks"));
    }
    let is_here = host == "localhost" || address.is_some_and(|address| address.to_canonical().is_loopback());
    if uri.scheme_str() == Some("http") && !is_here {
        let finding = format!("messages of {who} go to http://{host} for everybody on the way to read");
        return Some(Finding::warn(CHECK, finding, "give it an https URL"));
    }
    None
}
