//! Carriers: secrets, numbers, refused webhooks.

use super::counted;
use super::forwarding::forwarding;
use super::machine::lasting;
use crate::app::reach::Reach;
use crate::cli::doctor::Finding;
use crate::cli::doctor::facts::Facts;
use crate::config::{Settings, SignatureMode};
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;

/// One webhook that the running server refused.
#[derive(Clone, Debug)]
pub struct Refused {
    pub at: Timestamp,
    pub url: String,
    pub reason: String,
}

/// How a carrier is used, as far as it is known.
#[derive(Clone, Debug)]
pub struct CarrierUse {
    pub provider: Provider,
    /// How many numbers are this carrier's.
    pub numbers: usize,
    /// Whether the organization has an account of its own, and with how many secrets it verifies webhooks.
    pub own: Option<usize>,
    /// What is missing before anything can be sent.
    pub missing: Option<String>,
    /// The server's secrets to verify webhooks with.
    pub secrets: usize,
    /// Whether the server's configuration has anything of this carrier.
    pub configured: bool,
    /// The running server sends by an account that the configuration, as it is read here, does not have, or cannot
    /// where it has one: it was started with another.
    pub differs: bool,
    pub signatures: SignatureMode,
    /// What does not look like what it has to be.
    pub misshapen: Vec<&'static str>,
}

impl CarrierUse {
    pub fn in_use(&self) -> bool {
        self.numbers > 0 || self.own.is_some() || self.configured
    }

    fn secret(&self) -> &'static str {
        match self.provider {
            Provider::Twilio => "twilio.auth_token",
            Provider::Telnyx => "telnyx.public_key",
            _ => "vonage.signature_secret",
        }
    }
}

/// What can be said of the configuration alone.
pub(crate) fn configured(carriers: &[CarrierUse], settings: &Settings) -> Vec<Finding> {
    let exposed = !settings.is_loopback() || settings.public_url.is_some();
    carriers.iter().filter(|it| it.in_use()).flat_map(|it| signatures(it, exposed)).collect()
}

/// All that the organization's data tell.
pub(crate) fn all(
    carriers: &[CarrierUse],
    facts: &Facts,
    now: Timestamp,
    settings: &Settings,
) -> Vec<Finding> {
    let mut findings = configured(carriers, settings);
    let differs: Vec<_> = carriers.iter().filter(|it| it.differs).map(|it| it.provider.as_str()).collect();
    if !differs.is_empty() {
        let finding =
            format!("the running server was started with other settings of {}", differs.join(" and "));
        let advice = "give this command the server's --config and variables, or restart the server if they were changed since";
        findings.push(Finding::warn("configuration", finding, advice));
    }
    if !carriers.iter().any(CarrierUse::in_use) {
        findings.push(Finding::skip("carriers", "none is in use but the sandbox"));
    }
    findings.extend(carriers.iter().filter_map(sending));
    findings.extend(numbers(&facts.numbers_of_nobody, facts.numbers, &facts.idle_assistants));
    let reach = Reach::Public {
        loopback: settings.is_loopback(),
        allowed: settings.forward_allowed_networks.as_slice().into(),
    };
    findings.extend(forwarding(facts.parked, &facts.receivers, &reach));
    if let Some(list) = &facts.refused {
        findings.push(refused(list, now));
    }
    findings
}

/// Whether its webhooks can be verified and are. `exposed`: others than this machine reach the server.
pub fn signatures(carrier: &CarrierUse, exposed: bool) -> Vec<Finding> {
    let (name, secret) = (carrier.provider.as_str(), carrier.secret());
    let check = format!("{name} signatures");
    let mut findings = Vec::new();
    let strangers =
        "take the setting back to enforce: until then anybody may write messages into your conversations";
    let nothing = carrier.secrets == 0 && carrier.own.unwrap_or(0) == 0;
    findings.push(match carrier.signatures {
        SignatureMode::Off if exposed => Finding::fail(
            &check,
            format!("{name}.signatures is off, so forged webhooks are taken"),
            strangers,
        ),
        SignatureMode::Off => {
            Finding::warn(&check, format!("{name}.signatures is off; fit for trying out alone"), strangers)
        }
        SignatureMode::Report => Finding::warn(
            &check,
            format!("{name}.signatures is report, so forged webhooks are taken and flagged"),
            strangers,
        ),
        SignatureMode::Enforce if nothing && carrier.differs => {
            Finding::skip(&check, format!("the running server's {secret} is not known here"))
        }
        SignatureMode::Enforce if nothing => Finding::fail(
            &check,
            format!("each webhook of {name} is refused: there is no {secret} to verify it with"),
            &format!("set {secret}, or give this command the --config and variables that the server has"),
        ),
        SignatureMode::Enforce => {
            Finding::ok(&check, "there is a secret to verify them with, and it is enforced")
        }
    });
    for setting in &carrier.misshapen {
        let finding = format!("{setting} does not look like one: is it another value, or is a part missing?");
        findings.push(Finding::warn(&check, finding, "copy it once more from the carrier's console"));
    }
    findings
}

/// Whether what its numbers are to send can be sent.
pub fn sending(carrier: &CarrierUse) -> Option<Finding> {
    let name = carrier.provider.as_str();
    let missing = carrier.missing.as_ref().filter(|_| carrier.numbers > 0)?;
    let finding =
        format!("{} can receive and not send: {missing} is not set", counted(carrier.numbers, "number"));
    let advice =
        format!("set {missing}, or smslite carrier set {name} for an account of the organization's own");
    Some(Finding::fail(&format!("{name} sending"), finding, &advice))
}

/// Numbers that no assistant has, how many there are in all, and assistants that have none.
pub fn numbers(nobodys: &[String], all: usize, idle: &[String]) -> Vec<Finding> {
    let check = "numbers";
    if all == 0 {
        let finding = "there are none yet, so no message can come in";
        return vec![Finding::warn(
            check,
            finding,
            "smslite assistant create NAME, then smslite number create NUMBER --assistant ID",
        )];
    }
    let mut findings = Vec::new();
    if !nobodys.is_empty() {
        let finding =
            format!("no assistant has {}: what comes in is logged and starts no conversation", list(nobodys));
        findings.push(Finding::warn(
            check,
            finding,
            "smslite number create NUMBER --assistant ID assigns it",
        ));
    }
    if !idle.is_empty() {
        let finding = format!("no number leads to {}", list(idle));
        findings.push(Finding::warn(check, finding, "give it a number, or delete it"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(check, format!("{}, each with its assistant", counted(all, "number"))));
    }
    findings
}

/// The first few.
fn list(names: &[String]) -> String {
    let shown = names.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 3 { format!("{shown} and {} more", names.len() - 3) } else { shown }
}

/// The webhooks that the running server refused, the newest first.
pub fn refused(all: &[Refused], now: Timestamp) -> Finding {
    let check = "refused webhooks";
    let since = now.minus_seconds(3600);
    let lately: Vec<_> = all.iter().filter(|refused| refused.at >= since).collect();
    let Some(newest) = lately.first() else {
        return match all.first() {
            None => Finding::ok(check, "none since the server started"),
            Some(last) => {
                let ago = now.0.saturating_sub(last.at.0) / 1_000_000;
                Finding::ok(
                    check,
                    format!("none within the last hour; the last {} ago", lasting(ago.unsigned_abs())),
                )
            }
        };
    };
    let alike = |one: &&&Refused| lately.iter().filter(|other| other.reason == one.reason).count();
    let most = lately.iter().max_by_key(alike).unwrap_or(newest);
    let url =
        if most.reason.contains(&most.url) { String::new() } else { format!(" ({} was called)", most.url) };
    let finding = format!("{} within the last hour, mostly: {}{url}", lately.len(), most.reason);
    Finding::warn(
        check,
        finding,
        "smslite carrier refused lists them; compare the URL and the secret with the carrier's console",
    )
}
