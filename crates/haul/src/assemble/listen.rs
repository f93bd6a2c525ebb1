//! The listening sockets: every address of a host, on one port.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, lookup_host};

use super::Error;

/// How often another free port is tried when the one found is taken on the second address.
const PORT_TRIES: u32 = 16;

/// Listens on every address of `host`, on one port. With port 0 the system chooses it.
pub(crate) async fn listen(host: &str, port: u16) -> Result<Vec<(SocketAddr, TcpListener)>, Error> {
    let addresses = addresses(host, port).await?;
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match listen_once(host, &addresses, port).await {
            Err(Error::PortTaken { .. }) if tries > 0 => {}
            done => return done,
        }
    }
}

async fn addresses(host: &str, port: u16) -> Result<Vec<IpAddr>, Error> {
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = lookup_host((name, port))
        .await
        .map_err(|cause| Error::Address {
            host: host.to_owned(),
            port,
            cause,
        })?;
    let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

async fn listen_once(
    host: &str,
    addresses: &[IpAddr],
    mut port: u16,
) -> Result<Vec<(SocketAddr, TcpListener)>, Error> {
    let mut listeners = Vec::with_capacity(addresses.len());
    let mut unavailable = None;
    for address in addresses {
        let bound = TcpListener::bind((*address, port)).await;
        match bound.and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((local, listener)) => {
                port = local.port();
                listeners.push((local, listener));
            }
            Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => {
                return Err(Error::PortTaken {
                    host: address.to_string(),
                    port,
                });
            }
            // A machine without IPv6 still has the other address.
            Err(cause) => unavailable = Some(cause),
        }
    }
    match unavailable {
        Some(cause) if listeners.is_empty() => Err(Error::Address {
            host: host.to_owned(),
            port,
            cause,
        }),
        _ => Ok(listeners),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_free_port_is_the_same_on_every_address() {
        let listeners = listen("localhost", 0).await.expect("listeners");
        let port = listeners[0].0.port();
        assert_ne!(port, 0);
        assert!(listeners.iter().all(|(address, _)| address.port() == port));
        let taken = listen("localhost", port)
            .await
            .expect_err("taken")
            .to_string();
        assert!(taken.contains(&format!("port {port}")), "{taken}");
    }
}
