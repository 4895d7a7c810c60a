//! What proxies in front of us hide: the URL that was called, which signatures cover, and who called.

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

/// Who sent the request: the peer, or whom a trusted proxy names. Of several names, the last that no
/// trusted proxy stands behind: what is further left anybody may have written.
pub fn client_address(settings: &Settings, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    let trusted = |address: IpAddr| settings.trusted_proxies.iter().any(|network| network.contains(address));
    let lists = headers.get_all("x-forwarded-for").iter().rev();
    let named = lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.rsplit(','));
    let mut client = peer;
    for name in named {
        match name.trim().parse() {
            Ok(address) if trusted(client) => client = address,
            _ => break,
        }
    }
    client.to_canonical()
}

/// Whether a browser sent this from a page of our own. Without an `Origin` its `Sec-Fetch-Site` tells.
pub fn is_own_origin(settings: &Settings, headers: &HeaderMap, uri: &Uri, peer: Option<IpAddr>) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = header("origin") else {
        return header("sec-fetch-site") == Some("same-origin");
    };
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let Ok(own) = called_url(settings, headers, uri, peer).parse::<Uri>() else { return false };
    let port =
        |url: &Uri| url.port_u16().or((url.scheme_str() == Some("https")).then_some(443)).unwrap_or(80);
    let same_host = origin.host().zip(own.host()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
    if settings.public_url.is_some() {
        return same_host && origin.scheme() == own.scheme() && port(&origin) == port(&own);
    }
    // The scheme is a proxy's to know; host and port are the same on both of its sides.
    same_host && origin.port_u16() == own.port_u16()
}

/// Of a list that several proxies wrote, what the first of them saw.
fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}
