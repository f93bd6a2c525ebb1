//! Decides who gets a connection permit, and when: the books behind `permits`, without a lock, a
//! clock or a wait of their own.
//!
//! Each host has its own queue, in which the download with the fewest connections there is next, and
//! of equals the one that came first: a late download is not behind all threads of an early one.
//! Hosts take turns, so that none can starve another. A host at its own cap is passed over, and a
//! host that has refused a connection has a lower cap for a while.

mod surplus;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::idle::Idle;
use super::permits::{Grant, Host, Parked};
use crate::spec::Id;

/// How long an idle connection is kept. Servers close theirs after 5 to 75 s; a short time makes
/// it rare to find one closed and frees sockets soon.
const KEPT: Duration = Duration::from_secs(15);

/// After a host has refused a connection, one more is tried this much later.
pub(super) const CALM: Duration = Duration::from_secs(10);

/// No host has one more tried sooner than this, whatever it asks for: `Retry-After: 0` is no invitation
/// to come back a thousand times a second.
const SOONEST: Duration = Duration::from_secs(1);

/// On whose behalf a connection is used; all that belong to no download yet are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    /// A probe for a download that was not added yet.
    Nobody,
    /// A download.
    Download(Id),
}

pub(super) struct Queue {
    most: usize,
    most_per_host: usize,
    /// Permits out, idle connections included.
    open: usize,
    /// Idle connections, which are included in `open`.
    idle: usize,
    /// The hosts with a permit out or somebody waiting.
    lanes: HashMap<Host, Lane>,
    /// The hosts with somebody waiting; the first is next.
    turns: VecDeque<Host>,
}

#[derive(Default)]
struct Lane {
    open: usize,
    /// Connections at work, by owner; `open` without `idle`.
    busy: HashMap<Owner, usize>,
    /// In the order in which they came.
    waiting: VecDeque<Waiter>,
    idle: Idle,
    ceiling: Option<Ceiling>,
}

struct Waiter {
    owner: Owner,
    turn: oneshot::Sender<Grant>,
}

/// What a host was found to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ceiling {
    most: usize,
    /// When one more is tried.
    rises_at: Instant,
}

impl Lane {
    fn is_wanted(&self) -> bool {
        self.waiting.iter().any(|waiter| !waiter.turn.is_closed())
    }

    fn is_wanted_by(&self, owner: Owner) -> bool {
        let is_own = |waiter: &Waiter| waiter.owner == owner && !waiter.turn.is_closed();
        self.waiting.iter().any(is_own)
    }

    fn at_work(&self) -> usize {
        self.open - self.idle.len()
    }

    fn accepts(&mut self, most: usize, until: Instant) {
        self.ceiling = Some(Ceiling {
            most: most.max(1),
            rises_at: until,
        });
    }

    /// Connections that this host may have.
    fn cap(&self, most_per_host: usize) -> usize {
        self.ceiling
            .map_or(most_per_host, |ceiling| ceiling.most.min(most_per_host))
    }

    /// Whoever has the fewest connections here; of equals, who came first.
    fn next(&mut self) -> Option<Waiter> {
        self.waiting.retain(|waiter| !waiter.turn.is_closed());
        let busy = |waiter: &Waiter| self.busy.get(&waiter.owner).copied().unwrap_or(0);
        let (at, _) = self
            .waiting
            .iter()
            .enumerate()
            .min_by_key(|(_, waiter)| busy(waiter))?;
        self.waiting.remove(at)
    }
}

/// A permit that is counted as taken.
pub(super) struct Slot {
    pub(super) host: Host,
    pub(super) owner: Owner,
    /// The idle connection that comes with it.
    pub(super) parked: Option<Parked>,
    /// The idle connection that has to close before it may be used.
    pub(super) closed: Option<Parked>,
}

/// What to do once the lock is released: first close, then serve.
#[derive(Default)]
pub(super) struct Due {
    pub(super) closed: Vec<Parked>,
    pub(super) served: Vec<(oneshot::Sender<Grant>, Slot)>,
}

/// Whose turn it is for a permit that is about to come back with an open connection.
pub(super) enum Next {
    SameHost(Owner, oneshot::Sender<Grant>),
    /// Another host's, or nobody's because of a lowered cap.
    OtherHost,
    Nobody,
}

impl Queue {
    pub(super) fn new(most: usize, most_per_host: usize) -> Queue {
        Queue {
            most: most.max(1),
            most_per_host: most_per_host.max(1),
            open: 0,
            idle: 0,
            lanes: HashMap::new(),
            turns: VecDeque::new(),
        }
    }

    /// Most connections that `host` is given now.
    pub(super) fn cap(&self, host: &Host) -> usize {
        self.lanes
            .get(host)
            .map_or(self.most_per_host, |lane| lane.cap(self.most_per_host))
    }

    /// Connections to `host` that `owner` may have beside those of others.
    pub(super) fn left_for(&self, host: &Host, owner: Owner) -> usize {
        let others = |lane: &Lane| {
            let own = lane.busy.get(&owner).copied().unwrap_or(0);
            lane.at_work().saturating_sub(own)
        };
        let taken = self.lanes.get(host).map_or(0, others);
        self.cap(host).saturating_sub(taken)
    }

    /// While `owner` waits for a connection: how many it has to that host, and the most that the host is
    /// given.
    pub(super) fn waits(&self, owner: Owner) -> Option<(u16, usize)> {
        let lane = self.lanes.values().find(|lane| lane.is_wanted_by(owner))?;
        let busy = lane.busy.get(&owner).copied().unwrap_or(0);
        let busy = u16::try_from(busy).unwrap_or(u16::MAX);
        Some((busy, lane.cap(self.most_per_host)))
    }

    /// A connection to `host` was refused while it was counted: as many as the others are is all
    /// that the host accepts, until `wait` is over; then one more is tried, and so on.
    pub(super) fn refused(&mut self, host: &Host, wait: Option<Duration>, now: Instant) {
        let Some(lane) = self.lanes.get_mut(host) else {
            return;
        };
        let others = lane.at_work().saturating_sub(1);
        lane.accepts(others, now + wait.unwrap_or(CALM).max(SOONEST));
    }

    /// No more connections to `host` than are at work now come about, time and again: so many are all
    /// that it accepts, for a while.
    pub(super) fn crowded(&mut self, host: &Host, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(host) {
            lane.accepts(lane.at_work(), now + CALM);
        }
    }

    /// Raises the ceilings whose time has come; returns when the next one's has.
    fn raise(&mut self, now: Instant) -> Option<Instant> {
        let cap = self.most_per_host;
        for lane in self.lanes.values_mut() {
            lane.ceiling = lane.ceiling.and_then(|ceiling| {
                let late = now.checked_duration_since(ceiling.rises_at);
                let Some(late) = late else {
                    return Some(ceiling);
                };
                let steps = 1 + usize::try_from(late.as_millis() / CALM.as_millis()).unwrap_or(cap);
                let most = ceiling.most.saturating_add(steps);
                (most < cap).then(|| Ceiling {
                    most,
                    rises_at: now + CALM,
                })
            });
        }
        for host in self.hosts() {
            self.forget_if_empty(&host);
        }
        let rises = |lane: &Lane| lane.ceiling.map(|ceiling| ceiling.rises_at);
        self.lanes.values().filter_map(rises).min()
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }

    pub(super) fn is_tight(&self, host: &Host) -> bool {
        let busy = self
            .lanes
            .get(host)
            .map_or(0, |lane| lane.open - lane.idle.len());
        let cap = self.cap(host);
        let free_here = cap.saturating_sub(busy);
        let free = self.most.saturating_sub(self.open - self.idle);
        let wanted = self.lanes.values().any(Lane::is_wanted);
        wanted || free_here * 2 < cap || free * 2 < self.most
    }

    pub(super) fn set_caps(&mut self, most: usize, most_per_host: usize) -> Due {
        self.most = most.max(1);
        self.most_per_host = most_per_host.max(1);
        self.rebalance()
    }

    /// A permit at once, unless somebody waits for this host already.
    pub(super) fn take(&mut self, host: &Host, owner: Owner) -> Option<Slot> {
        if self.lanes.get(host).is_some_and(Lane::is_wanted) {
            return None;
        }
        self.fill(host, owner)
    }

    /// A permit at once, or a place in the queue.
    pub(super) fn take_or_wait(
        &mut self,
        host: &Host,
        owner: Owner,
    ) -> Result<Slot, oneshot::Receiver<Grant>> {
        self.take(host, owner)
            .ok_or_else(|| self.enqueue(host, owner))
    }

    pub(super) fn release(&mut self, host: &Host, owner: Owner) -> Due {
        self.rests(host, owner);
        self.uncount(host);
        self.serve()
    }

    /// A connection goes from one owner to another, or to none.
    pub(super) fn hand_on(&mut self, host: &Host, from: Owner, to: Owner) {
        self.rests(host, from);
        self.works(host, to);
    }

    /// Who would get the permit that a connection to `host` holds.
    pub(super) fn next_after(&mut self, host: &Host) -> Next {
        let open_here = self.lanes.get(host).map_or(0, |lane| lane.open);
        if self.open > self.most || open_here > self.cap(host) {
            return Next::OtherHost;
        }
        for at in 0..self.turns.len() {
            let next = &self.turns[at];
            let Some(lane) = self.lanes.get(next).filter(|lane| lane.is_wanted()) else {
                continue;
            };
            if next == host {
                // Whoever was there a moment ago may have given up since.
                return self.take_waiter(host).map_or(Next::OtherHost, |next| {
                    Next::SameHost(next.owner, next.turn)
                });
            }
            if lane.open < lane.cap(self.most_per_host) {
                return Next::OtherHost;
            }
        }
        Next::Nobody
    }

    /// Keeps an idle connection that has proven so many bytes/s; its permit stays counted.
    pub(super) fn park(
        &mut self,
        (host, owner): (&Host, Owner),
        connection: Parked,
        speed: u64,
        since: Instant,
    ) {
        self.rests(host, owner);
        self.idle += 1;
        let lane = self.lanes.entry(host.clone()).or_default();
        lane.idle.push(connection, speed, since);
    }

    /// Takes out what was idle for too long, and raises ceilings; and when to look again.
    pub(super) fn expire(&mut self, now: Instant) -> (Due, Option<Instant>) {
        let mut closed = Vec::new();
        let mut next = self.raise(now);
        for host in self.hosts() {
            while let Some(ends) = self.idle_until(&host) {
                if ends > now {
                    next = Some(next.map_or(ends, |at| at.min(ends)));
                    break;
                }
                closed.extend(self.evict_from(&host));
            }
        }
        let mut due = self.serve();
        due.closed.append(&mut closed);
        (due, next)
    }

    fn idle_until(&self, host: &Host) -> Option<Instant> {
        Some(self.lanes.get(host)?.idle.oldest()? + KEPT)
    }

    fn hosts(&self) -> Vec<Host> {
        self.lanes.keys().cloned().collect()
    }

    fn count(&mut self, host: &Host) {
        self.open += 1;
        self.lanes.entry(host.clone()).or_default().open += 1;
    }

    fn works(&mut self, host: &Host, owner: Owner) {
        let lane = self.lanes.entry(host.clone()).or_default();
        *lane.busy.entry(owner).or_default() += 1;
    }

    fn rests(&mut self, host: &Host, owner: Owner) {
        let Some(lane) = self.lanes.get_mut(host) else {
            return;
        };
        if let Some(busy) = lane.busy.get_mut(&owner) {
            *busy -= 1;
            if *busy == 0 {
                lane.busy.remove(&owner);
            }
        }
    }

    fn uncount(&mut self, host: &Host) {
        self.open -= 1;
        if let Some(lane) = self.lanes.get_mut(host) {
            lane.open -= 1;
        }
        self.forget_if_empty(host);
    }

    fn forget_if_empty(&mut self, host: &Host) {
        let empty =
            |lane: &Lane| lane.open == 0 && lane.waiting.is_empty() && lane.ceiling.is_none();
        if self.lanes.get(host).is_some_and(empty) {
            self.lanes.remove(host);
        }
    }

    /// Whether [`fill`](Queue::fill) would give a permit.
    fn has_room(&self, host: &Host) -> bool {
        let (open, idle) = self
            .lanes
            .get(host)
            .map_or((0, 0), |lane| (lane.open, lane.idle.len()));
        let cap = self.cap(host);
        // An idle one is counted already, but above a ceiling it must not go to work.
        if idle > 0 {
            return open - idle < cap;
        }
        // Above a lowered cap, closing an idle one is not enough to open another.
        let room = self.open < self.most || (self.open == self.most && self.idle > 0);
        open < cap && room
    }

    /// A permit with an idle connection, else within the caps, else in place of another host's
    /// idle connection.
    fn fill(&mut self, host: &Host, owner: Owner) -> Option<Slot> {
        if !self.has_room(host) {
            return None;
        }
        self.works(host, owner);
        let lane = self.lanes.get_mut(host);
        let parked = lane.and_then(|lane| lane.idle.pop_best());
        if parked.is_some() {
            self.idle -= 1;
            return Some(Slot {
                host: host.clone(),
                owner,
                parked,
                closed: None,
            });
        }
        let closed = if self.open < self.most {
            None
        } else {
            self.evict()
        };
        self.count(host);
        Some(Slot {
            host: host.clone(),
            owner,
            parked: None,
            closed,
        })
    }

    /// Takes the connection out that has been idle for longest.
    fn evict(&mut self) -> Option<Parked> {
        let oldest = self
            .lanes
            .iter()
            .filter_map(|(host, lane)| Some((lane.idle.oldest()?, host)))
            .min_by_key(|(since, _)| *since);
        let host = oldest?.1.clone();
        self.evict_from(&host)
    }

    fn evict_from(&mut self, host: &Host) -> Option<Parked> {
        let oldest = self.lanes.get_mut(host)?.idle.pop_oldest()?;
        self.idle -= 1;
        self.uncount(host);
        Some(oldest)
    }

    /// Closes idle connections above the caps, and serves whoever has room now.
    fn rebalance(&mut self) -> Due {
        let mut closed = Vec::new();
        while self.open > self.most
            && let Some(parked) = self.evict()
        {
            closed.push(parked);
        }
        for host in self.hosts() {
            let cap = self.cap(&host);
            while self.lanes.get(&host).is_some_and(|lane| lane.open > cap)
                && let Some(parked) = self.evict_from(&host)
            {
                closed.push(parked);
            }
        }
        let mut due = self.serve();
        due.closed.append(&mut closed);
        due
    }

    fn enqueue(&mut self, host: &Host, owner: Owner) -> oneshot::Receiver<Grant> {
        let (turn, coming) = oneshot::channel();
        let lane = self.lanes.entry(host.clone()).or_default();
        // Whoever gave up at the end of the queue leaves no trace.
        while lane
            .waiting
            .back()
            .is_some_and(|last| last.turn.is_closed())
        {
            lane.waiting.pop_back();
        }
        lane.waiting.push_back(Waiter { owner, turn });
        if !self.turns.contains(host) {
            self.turns.push_back(host.clone());
        }
        coming
    }

    /// The next waiter for `host`, whose next turn is then behind all other hosts.
    fn take_waiter(&mut self, host: &Host) -> Option<Waiter> {
        let lane = self.lanes.get_mut(host)?;
        let waiter = lane.next();
        let more = !lane.waiting.is_empty();
        self.turns.retain(|other| other != host);
        if more {
            self.turns.push_back(host.clone());
        }
        self.forget_if_empty(host);
        waiter
    }

    /// Gives out what is free, host by host in turn.
    fn serve(&mut self) -> Due {
        let mut due = Due::default();
        let mut at = 0;
        while at < self.turns.len() && (self.open < self.most || self.idle > 0) {
            let host = self.turns[at].clone();
            if !self.has_room(&host) {
                at += 1;
                continue;
            }
            let Some(waiter) = self.take_waiter(&host) else {
                continue;
            };
            if let Some(slot) = self.fill(&host, waiter.owner) {
                due.served.push((waiter.turn, slot));
            }
        }
        due
    }
}
