//! Decides which addresses may be downloaded from. Knows nothing of names beyond the few that are
//! local by definition; whoever resolves a name asks about each address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use url::Host;

use crate::error::{Error, Kind, Result};
use crate::spec::Targets;

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// IPv4 that is not the public internet (IANA special-purpose registry).
const NOT_PUBLIC_V4: [Ipv4Net; 17] = [
    v4(0, 0, 0, 0, 8),        // this host
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // shared by carriers
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // a cloud's metadata at a public address
    v4(169, 254, 0, 0, 16),   // link-local, cloud metadata
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 31, 196, 0, 24),  // AS112
    v4(192, 88, 99, 0, 24),   // 6to4 relays
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, broadcast
];

/// The only part of IPv6 that is given out for the public internet …
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// … less what is set apart in it.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 0, 23),     // protocol assignments, Teredo (hides an IPv4 address)
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16),     // 6to4 (hides an IPv4 address)
    v6(0x3fff, 0, 0, 20),     // documentation
];

/// NAT64: the last 32 bits are the IPv4 address that is reached. Networks with IPv6 only see every
/// IPv4 host like this, so the address inside decides.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);

/// Whether `ip` is on the public internet.
fn is_public(ip: IpAddr) -> bool {
    let ip = match ip {
        IpAddr::V4(ip) => return is_public_v4(ip),
        IpAddr::V6(ip) => ip,
    };
    if let Some(inner) = ip.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    if NAT64.contains(&ip) {
        let [.., a, b, c, d] = ip.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    GLOBAL_V6.contains(&ip) && !NOT_PUBLIC_V6.iter().any(|net| net.contains(&ip))
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4.iter().any(|net| net.contains(&ip))
}

/// Whether the policy lets this resolved address be connected to.
pub(super) fn allows(targets: Targets, ip: IpAddr) -> bool {
    match targets {
        Targets::Any => true,
        Targets::Public => is_public(ip),
    }
}

/// What can be said about a host that a proxy is going to resolve: literal addresses are judged as
/// they are, names only when they are local by definition (RFC 6761, RFC 6762, ICANN's `internal`).
pub(super) fn check_unresolved(targets: Targets, host: &Host<&str>) -> Result<()> {
    if targets == Targets::Any {
        return Ok(());
    }
    let public = match host {
        Host::Ipv4(ip) => is_public((*ip).into()),
        Host::Ipv6(ip) => is_public((*ip).into()),
        Host::Domain(name) => !is_local_name(name),
    };
    if public { Ok(()) } else { Err(refused(host)) }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let Some((_, top)) = name.rsplit_once('.') else {
        // A name without a dot is looked up in the proxy's own network.
        return true;
    };
    let local = [
        "localhost",
        "local",
        "internal",
        "lan",
        "home",
        "corp",
        "intranet",
    ];
    local.contains(&top) || name.ends_with(".home.arpa")
}

/// The error for a host whose addresses are all refused.
pub(super) fn refused(host: &Host<&str>) -> Error {
    Error::new(
        Kind::TargetRefused,
        format!(
            "{host} is not on the public internet and targets = \"public\" is in force; \
             set targets = \"any\" to allow private addresses"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        for refused in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.2.1",
            "198.19.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::",
            "2001:0:7f00:1::",
            "fd20:ce::254",
            "::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "100::1",
            "fec0::1",
        ] {
            let ip: IpAddr = refused.parse().expect("an address");
            assert!(!allows(Targets::Public, ip), "{refused}");
            assert!(allows(Targets::Any, ip), "{refused}");
        }
        for allowed in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            let ip: IpAddr = allowed.parse().expect("an address");
            assert!(allows(Targets::Public, ip), "{allowed}");
        }
    }

    #[test]
    fn names_that_a_proxy_would_find_at_home_are_refused() {
        let check = |host| check_unresolved(Targets::Public, &host);
        for name in [
            "localhost",
            "a.localhost",
            "db.internal",
            "nas.local.",
            "router",
            "x.home.arpa",
        ] {
            let error = check(Host::Domain(name)).expect_err(name);
            assert_eq!(error.kind, Kind::TargetRefused);
        }
        assert!(check(Host::Ipv4(Ipv4Addr::LOCALHOST)).is_err());
        assert!(check(Host::Ipv6(Ipv6Addr::LOCALHOST)).is_err());
        assert!(check(Host::Domain("example.org")).is_ok());
        assert!(check_unresolved(Targets::Any, &Host::Domain("localhost")).is_ok());
    }
}
