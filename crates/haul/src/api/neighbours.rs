//! How many places one machine may hold: a part of them all, so that it never takes the last. Knows
//! nothing of what is done in them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who holds how many.
pub(super) struct Neighbours {
    most: usize,
    held: HashMap<IpAddr, Arc<Semaphore>>,
}

impl Neighbours {
    /// Nobody yet; each may have `most`.
    pub(super) fn new(most: usize) -> Neighbours {
        Neighbours {
            most,
            held: HashMap::new(),
        }
    }

    /// One more place for the machine with this address, if it may have one.
    pub(super) fn admit(&mut self, from: IpAddr) -> Option<Place> {
        let most = self.most;
        if self.held.len() >= most {
            self.held.retain(|_, free| free.available_permits() < most);
        }
        let free = self
            .held
            .entry(machine(from))
            .or_insert_with(|| Arc::new(Semaphore::new(most)));
        let permit = free.clone().try_acquire_owned().ok()?;
        Some(Place(Arc::new(permit)))
    }
}

/// A machine's place. It is free again when the last who holds it has dropped it: a connection that
/// becomes a WebSocket hands it on.
#[derive(Debug, Clone)]
pub(super) struct Place(
    #[expect(dead_code, reason = "held, and never looked at")] Arc<OwnedSemaphorePermit>,
);

/// What stands for one machine: it has its choice of 2^64 addresses of IPv6.
fn machine(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_takes_its_part_and_leaves_the_rest() {
        let mut neighbours = Neighbours::new(2);
        let mut admit = |ip: &str| neighbours.admit(ip.parse().expect("an address"));
        let first = admit("2001:db8::1").expect("room");
        let _second = admit("2001:db8::2").expect("room");
        assert!(admit("2001:db8::3").is_none(), "the same network");
        assert!(admit("2001:db8:0:1::1").is_some(), "another");
        let handed_on = first.clone();
        drop(first);
        assert!(admit("2001:db8::3").is_none(), "somebody still holds it");
        drop(handed_on);
        assert!(admit("2001:db8::3").is_some(), "given back");
        let _v4 = admit("192.0.2.1").expect("room");
        let _mapped = admit("::ffff:192.0.2.1").expect("room");
        assert!(admit("192.0.2.1").is_none(), "in either spelling");
    }

    #[test]
    fn those_who_have_left_are_forgotten() {
        let mut neighbours = Neighbours::new(8);
        for last in 0..=255 {
            drop(neighbours.admit([192, 0, 2, last].into()));
        }
        assert!(neighbours.held.len() <= 9, "{}", neighbours.held.len());
    }
}
