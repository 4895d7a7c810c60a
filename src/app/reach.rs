//! Where requests of ours may go. Receivers' URLs are given by people who may not see what this machine sees, so
//! private networks and the like are closed to them unless the operator opens them. Names are judged by the
//! addresses that are then connected to: one that changes its address in between changes nothing.

use crate::model::network::Network;
use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

#[derive(Clone, Debug)]
pub enum Reach {
    /// To whatever the operator has configured.
    Anywhere,
    Public {
        /// This machine, too.
        loopback: bool,
        /// These, too.
        allowed: Arc<[Network]>,
    },
}

impl Reach {
    pub fn allows(&self, address: IpAddr) -> bool {
        let Reach::Public { loopback, allowed } = self else { return true };
        let address = address.to_canonical();
        is_public(address)
            || (*loopback && address.is_loopback())
            || allowed.iter().any(|network| network.contains(address))
    }

    /// A host that is an address; names are judged when they are resolved.
    pub(super) fn check_literal(&self, uri: &Uri) -> Result<(), String> {
        let host = uri.host().unwrap_or_default();
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match literal.parse::<IpAddr>() {
            Ok(address) if !self.allows(address) => Err(CLOSED.to_owned()),
            _ => Ok(()),
        }
    }
}

/// Which address it is, is not told: a name may be of a network that others are not to know.
const CLOSED: &str = "its address is not public, and forwarding.allowed_networks does not name it";

impl Service<Name> for Reach {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let open: Vec<_> = found.iter().copied().filter(|found| reach.allows(found.ip())).collect();
            if open.is_empty() && !found.is_empty() {
                return Err(io::Error::other(CLOSED));
            }
            Ok(open.into_iter())
        })
    }
}

/// Whether an address is anybody's on the Internet, by the registries of special-purpose addresses (RFC 6890 and
/// those after it).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // "This network", shared by carriers' customers, protocol assignments, old relays, benchmarks, reserved.
        || a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18)
        // What Azure's machines ask about themselves.
        || address.octets() == [168, 63, 129, 16]
        || a >= 240;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match segments {
        // NAT64 and 6to4 lead to the IPv4 address in them.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(embedded(high, low)),
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Protocol assignments (Teredo among them) and documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Everything else that is routed is global unicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public() -> Reach {
        Reach::Public { loopback: false, allowed: Arc::default() }
    }

    #[test]
    fn only_public_addresses_are_open() {
        for (address, open) in [
            ("93.184.216.34", true),
            ("1.1.1.1", true),
            ("100.63.0.1", true),
            ("172.32.0.1", true),
            ("2606:4700::1111", true),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("127.0.0.1", false),
            ("127.8.8.8", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
            ("168.63.129.16", false),
            ("168.63.129.17", true),
            ("100.64.0.1", false),
            ("100.100.100.200", false),
            ("192.0.0.192", false),
            ("198.18.0.1", false),
            ("203.0.113.9", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("::ffff:1.1.1.1", true),
            ("fe80::1", false),
            ("fec0::1", false),
            ("fd00:ec2::254", false),
            ("ff02::1", false),
            ("64:ff9b::a00:1", false),
            ("64:ff9b::101:101", true),
            ("64:ff9b:1::1", false),
            ("2002:a00:1::1", false),
            ("2002:101:101::1", true),
            ("2001:db8::1", false),
            ("2001::1", false),
            ("2001:4860:4860::8888", true),
        ] {
            assert_eq!(public().allows(address.parse().unwrap()), open, "{address}");
        }
    }

    #[test]
    fn what_the_operator_opens_is_open() {
        let networks = ["10.1.0.0/16", "fd00::/8"].map(|text| text.parse().unwrap());
        let reach = Reach::Public { loopback: true, allowed: networks.as_slice().into() };
        for (address, open) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("fd12::1", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:10.1.2.3", true),
            ("169.254.169.254", false),
        ] {
            assert_eq!(reach.allows(address.parse().unwrap()), open, "{address}");
        }
    }

    #[tokio::test]
    async fn names_are_judged_by_what_they_resolve_to() {
        for (reach, open) in [(public(), false), (Reach::Anywhere, true)] {
            let mut resolver = reach;
            let found = resolver.call("localhost".parse().unwrap()).await;
            assert_eq!(found.is_ok(), open, "{found:?}");
        }
        for (uri, open) in [
            ("http://[::1]:8080/x", false),
            ("http://169.254.169.254/latest/meta-data", false),
            ("http://user@10.0.0.1/", false),
            ("http://1.1.1.1/", true),
            ("http://example.com/", true),
        ] {
            assert_eq!(public().check_literal(&uri.parse().unwrap()).is_ok(), open, "{uri}");
        }
    }
}
