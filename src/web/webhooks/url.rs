//! The URL that a carrier called, as far as we can know it: signatures cover it.

use crate::config::{Network, Settings};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Uri};
use std::net::IpAddr;

/// `public_url` when it is configured; else what the request says of itself, believing forwarded
/// headers only from a trusted proxy.
pub fn called_url(settings: &Settings, headers: &HeaderMap, uri: &Uri, peer: Option<IpAddr>) -> String {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if let Some(base) = &settings.public_url {
        return format!("{base}{path}");
    }
    let trusted =
        |proxies: &[Network]| peer.is_some_and(|peer| proxies.iter().any(|network| network.contains(peer)));
    let forwarded = trusted(&settings.trusted_proxies);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(first);
    let of_proxy = |name: &str| header(name).filter(|_| forwarded);
    let scheme = of_proxy("x-forwarded-proto").unwrap_or("http");
    let host = of_proxy("x-forwarded-host").or_else(|| header("host")).unwrap_or("localhost");
    format!("{scheme}://{host}{path}")
}

/// Of a list that several proxies wrote, what the first of them saw.
fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}
