//! A range of IP addresses. It refuses what is ambiguous: bits set behind the prefix, and IPv4 written as
//! IPv6.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// One address or a CIDR network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Whether the address lies in it. An IPv4 peer of a dual-stack listener counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other) = (left_aligned(self.address), left_aligned(address.to_canonical()));
        own.1 == other.1 && (own.0 ^ other.0) & mask(self.prefix) == 0
    }
}

/// Whether a host, as it stands in a URL, is this machine whoever asks: an address that loops back, or `localhost`.
pub fn is_loopback_name(host: &str) -> bool {
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_name = literal.eq_ignore_ascii_case("localhost");
    is_name || literal.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The address in the high bits, and how many it has.
fn left_aligned(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn mask(prefix: u32) -> u128 {
    u128::MAX.checked_shl(128 - prefix).unwrap_or(0)
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, digits) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(drop)?;
        let (bits, width) = left_aligned(address);
        let prefix = match digits {
            None => width,
            Some(digits) if digits.starts_with('+') => return Err(()),
            Some(digits) => digits.parse().map_err(drop)?,
        };
        let clean = prefix <= width && bits & !mask(prefix) == 0;
        if clean && address == address.to_canonical() { Ok(Network { address, prefix }) } else { Err(()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}
