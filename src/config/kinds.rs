//! What kinds of value there are, what each accepts, and how people are told. A checked value is a list
//! of canonical texts, empty when nothing is set, so that whoever uses it needs no rules of his own.

use crate::model::carrier_account::is_public_key;
use crate::model::network::Network;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// An IP address, or `localhost`, which is 127.0.0.1.
    Host,
    Integer {
        min: u64,
        max: u64,
    },
    Text,
    /// What paths can be appended to.
    Url,
    Choice(&'static [&'static str]),
    Networks,
    /// Off, on, or the address of a listener.
    Metrics,
    /// One text or a few.
    Texts {
        max: usize,
    },
    /// One Ed25519 public key in base64, or a few.
    PublicKeys {
        max: usize,
    },
}

/// A value before it is checked.
pub(super) enum Given<'a> {
    /// By a variable, a flag or a secret's file: all text, and commas separate a list.
    Said(&'a str),
    Text(&'a str),
    Integer(String),
    Boolean(bool),
    List(Vec<&'a str>),
    Other,
}

impl Kind {
    pub(super) fn is_list(self) -> bool {
        matches!(self, Kind::Networks | Kind::Texts { .. } | Kind::PublicKeys { .. })
    }

    /// What stands after "must be".
    pub(super) fn expectation(self) -> String {
        match self {
            Kind::Host => String::from("an IP address or localhost"),
            Kind::Integer { min, max } => format!("an integer from {min} to {max}"),
            Kind::Text => String::from("a string"),
            Kind::Url => String::from("http(s)://host[:port][/path] without a query"),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Networks => {
                String::from("a list of IP addresses and networks like 10.0.0.0/8 (zeros behind the prefix)")
            }
            Kind::Metrics => String::from("off, on or an address with a port like 127.0.0.1:9671"),
            Kind::Texts { max } => format!("a string or a list of up to {max} strings"),
            Kind::PublicKeys { max } => format!("an Ed25519 public key in base64 or a list of up to {max}"),
        }
    }

    /// The canonical texts of a value; none when it is not what the kind expects.
    /// An empty text unsets a key that `may_be_unset`.
    pub(super) fn check(self, given: &Given<'_>, may_be_unset: bool) -> Option<Vec<String>> {
        let number = matches!(self, Kind::Integer { .. });
        let items = match given {
            Given::Said("") | Given::Text("") if may_be_unset => Vec::new(),
            Given::Said(text) if self.is_list() => text.split(',').map(str::trim).collect(),
            Given::Said(text) => vec![*text],
            Given::Text(text) if !number => vec![*text],
            Given::Boolean(on) if matches!(self, Kind::Metrics) => vec![if *on { "on" } else { "off" }],
            Given::Integer(text) if number => vec![text.as_str()],
            Given::List(items) if self.is_list() => items.clone(),
            _ => return None,
        };
        let too_many = matches!(self, Kind::Texts { max } | Kind::PublicKeys { max } if items.len() > max);
        if too_many { None } else { items.into_iter().map(|item| self.canonical(item)).collect() }
    }

    fn canonical(self, text: &str) -> Option<String> {
        match self {
            Kind::Host if text == "localhost" => Some(Ipv4Addr::LOCALHOST.to_string()),
            Kind::Host => text.parse().ok().map(|address: IpAddr| address.to_string()),
            Kind::Integer { min, max } => {
                let number: u64 = text.parse().ok()?;
                (min..=max).contains(&number).then(|| number.to_string())
            }
            Kind::Text | Kind::Texts { .. } => (!text.is_empty()).then(|| text.to_owned()),
            Kind::PublicKeys { .. } => is_public_key(text).then(|| text.to_owned()),
            Kind::Url => is_base_url(text).then(|| text.trim_end_matches('/').to_owned()),
            Kind::Choice(words) => words.contains(&text).then(|| text.to_owned()),
            Kind::Metrics => match text {
                "off" | "false" => Some("off".to_owned()),
                "on" | "true" => Some("on".to_owned()),
                _ => socket_address(text).map(|address| address.to_string()),
            },
            Kind::Networks => text.parse().ok().map(|network: Network| network.to_string()),
        }
    }
}

/// `127.0.0.1:9671`, `[::1]:9671` or `localhost:9671`.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let local = text.strip_prefix("localhost:").map(|port| format!("{}:{port}", Ipv4Addr::LOCALHOST));
    local.as_deref().unwrap_or(text).parse().ok()
}

/// Nothing in it is normalised: carriers sign the very text that they were told.
fn is_base_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, "80"),
    };
    let host_is_good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            !host.is_empty() && host.bytes().all(plain)
        }
    };
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let port_is_good = digits && port.parse::<u16>().is_ok_and(|port| port > 0);
    let plain_path = |b: u8| b.is_ascii_graphic() && !b"?#\"<>\\".contains(&b);
    host_is_good && port_is_good && path.bytes().all(plain_path)
}
