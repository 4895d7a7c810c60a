//! Calls the server, and what carriers call, from here.

use super::Finding;
use super::judge::carriers::CarrierUse;
use super::judge::outside::{self as judge, Answer};
use super::probe::Probe;
use crate::app::accounts;
use crate::cli::server_file::ServerFile;
use crate::config::Settings;
use crate::model::message_log::Provider;
use crate::store::{DataDir, OpenError};
use futures_util::future::join_all;
use http::{Method, Uri};
use std::net::IpAddr;
use uuid::Uuid;

/// One byte more than any webhook may have.
const TOO_LARGE: usize = 64 * 1024 + 1;

/// Whether a server runs on the data directory.
pub(super) struct Running {
    pub finding: Finding,
    /// What tells it from others, if it answers.
    pub instance: Option<String>,
}

pub(super) async fn server(probe: &Probe, settings: &Settings) -> Running {
    let check = "server";
    let none = |finding| Running { finding, instance: None };
    let Ok(file) = ServerFile::read(&settings.data_dir) else {
        let finding = "none runs on this data directory; start it and ask again to have its URLs called";
        return none(Finding::skip(check, finding));
    };
    let instance = accounts::instance(&file.control_token);
    let url = |path: &str| format!("{}{path}", file.url);
    let [ready, health] = ["/readyz", "/health"].map(url);
    let (ready, health) = tokio::join!(get(probe, &ready), get(probe, &health));
    // One that was killed left its file behind; another may listen on its port by now.
    let has_ended = || !matches!(DataDir::take(&settings.data_dir), Err(OpenError::Held { .. }));
    match ready {
        Ok(ready) if ready.instance().as_ref() == Some(&instance) => Running {
            finding: judge::server(&file.url, &ready, health.ok().as_ref()),
            instance: Some(instance),
        },
        _ if has_ended() => {
            let finding = format!("the one that was at {} has ended; start it and ask again", file.url);
            none(Finding::skip(check, finding))
        }
        ready => {
            let reason = ready.err().unwrap_or_else(|| "somebody else does".to_owned());
            let advice = format!("if its process (pid {}) hangs, restart it; its log tells more", file.pid);
            none(Finding::fail(check, format!("{} does not answer: {reason}", file.url), &advice))
        }
    }
}

async fn get(probe: &Probe, url: &str) -> Result<Answer, String> {
    probe.ask(Method::GET, url, &Uuid::new_v4().to_string(), Vec::new()).await
}

/// Where a carrier's API is.
fn api(settings: &Settings, provider: Provider) -> String {
    let usual = match provider {
        Provider::Twilio => "https://api.twilio.com",
        Provider::Telnyx => "https://api.telnyx.com",
        _ => "https://rest.nexmo.com",
    };
    settings.carrier(provider).and_then(|it| it.base_url.clone()).unwrap_or_else(|| usual.to_owned())
}

/// `instance`: that of the server that runs here.
pub(super) async fn look(
    probe: &Probe,
    settings: &Settings,
    carriers: &[CarrierUse],
    instance: Option<&str>,
    offline: bool,
) -> Vec<Finding> {
    let in_use: Vec<Provider> = carriers.iter().filter(|it| it.in_use()).map(|it| it.provider).collect();
    let public_url = settings.public_url.as_deref();
    let mut findings = vec![judge::public_url(public_url, !in_use.is_empty())];
    let mut dates = Vec::new();
    let apis = in_use.iter().map(|provider| api(settings, *provider));
    let apis = apis.filter(|url| !offline || is_here(url)).map(async |url| {
        let answer = probe.ask(Method::HEAD, &url, &Uuid::new_v4().to_string(), Vec::new()).await;
        (url, answer)
    });
    let of_public = async {
        match public_url {
            Some(base) if offline && !is_here(base) => {
                (vec![Finding::skip("reachable", "not asked: --offline")], None)
            }
            Some(base) => public(probe, base, &in_use, instance).await,
            None => (Vec::new(), None),
        }
    };
    let ((of_public, ahead), answers) = tokio::join!(of_public, join_all(apis));
    findings.extend(of_public);
    dates.extend(public_url.zip(ahead).map(|(base, ahead)| (base.to_owned(), ahead)));
    for (url, answer) in answers {
        match answer {
            Ok(answer) => dates.extend(answer.ahead_seconds.map(|ahead| (url, ahead))),
            Err(reason) => findings.push(Finding::warn(
                "carrier",
                format!("{url} cannot be reached from here: {reason}"),
                "let this machine call it: without that nothing can be sent",
            )),
        }
    }
    findings.push(judge::clock(&dates));
    findings
}

/// What is at the public URL, and how far its clock is ahead if it is not this server's.
async fn public(
    probe: &Probe,
    base: &str,
    in_use: &[Provider],
    instance: Option<&str>,
) -> (Vec<Finding>, Option<i64>) {
    let host = base.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let webhooks = join_all(in_use.iter().map(async |provider| {
        let (url, id) = (format!("{base}/webhooks/sms/{}", provider.as_str()), Uuid::new_v4().to_string());
        let answer = probe.ask(Method::POST, &url, &id, vec![b' '; TOO_LARGE]).await;
        judge::webhook(provider.as_str(), &url, &answer, &id)
    }));
    let readyz = format!("{base}/readyz");
    let (addresses, ready) = tokio::join!(probe.addresses(&host), get(probe, &readyz));
    let mut findings: Vec<Finding> = judge::name(&host, &addresses, !in_use.is_empty()).into_iter().collect();
    let ahead =
        ready.as_ref().ok().filter(|answer| answer.instance().as_deref() != instance || instance.is_none());
    let ahead = ahead.and_then(|answer| answer.ahead_seconds);
    match instance {
        None => findings.push(Finding::skip("reachable", "not asked: no server runs here")),
        Some(instance) => {
            let reach = judge::reach(base, &ready, instance);
            let is_it = reach.status == super::Status::Ok;
            findings.push(reach);
            // Of who is not reached, the webhooks tell nothing more.
            if is_it {
                findings.extend(webhooks.await);
            }
        }
    }
    (findings, ahead)
}

/// Whether a URL leads to this machine.
fn is_here(url: &str) -> bool {
    let host = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
