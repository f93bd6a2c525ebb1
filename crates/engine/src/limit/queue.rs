//! Decides who gets a connection permit, and when: the books behind `permits`, without a lock, a
//! clock or a wait of their own.
//!
//! Each host has its own queue, first come first served; hosts take turns, so that none can starve
//! another. A host at its own cap is passed over.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::permits::{Grant, Host, Parked};

/// How long an idle connection is kept. Servers close theirs after 5 to 75 s; a short time makes
/// it rare to find one closed and frees sockets soon.
const IDLE: Duration = Duration::from_secs(15);

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
    waiting: VecDeque<oneshot::Sender<Grant>>,
    /// Oldest first.
    idle: VecDeque<(Instant, Parked)>,
}

impl Lane {
    fn is_wanted(&self) -> bool {
        self.waiting.iter().any(|waiter| !waiter.is_closed())
    }
}

/// A permit that is counted as taken.
pub(super) struct Slot {
    pub(super) host: Host,
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
    SameHost(oneshot::Sender<Grant>),
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

    pub(super) fn most_per_host(&self) -> usize {
        self.most_per_host
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }

    pub(super) fn is_tight(&self, host: &Host) -> bool {
        let busy = self
            .lanes
            .get(host)
            .map_or(0, |lane| lane.open - lane.idle.len());
        let cap = self.most_per_host;
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
    pub(super) fn take(&mut self, host: &Host) -> Option<Slot> {
        if self.lanes.get(host).is_some_and(Lane::is_wanted) {
            return None;
        }
        self.fill(host)
    }

    /// A permit at once, or a place in the queue.
    pub(super) fn take_or_wait(&mut self, host: &Host) -> Result<Slot, oneshot::Receiver<Grant>> {
        self.take(host).ok_or_else(|| self.enqueue(host))
    }

    pub(super) fn release(&mut self, host: &Host) -> Due {
        self.uncount(host);
        self.serve()
    }

    /// Who would get the permit that a connection to `host` holds.
    pub(super) fn next_after(&mut self, host: &Host) -> Next {
        let open_here = self.lanes.get(host).map_or(0, |lane| lane.open);
        if self.open > self.most || open_here > self.most_per_host {
            return Next::OtherHost;
        }
        for at in 0..self.turns.len() {
            let next = &self.turns[at];
            let Some(lane) = self.lanes.get(next).filter(|lane| lane.is_wanted()) else {
                continue;
            };
            if next == host {
                // Whoever was there a moment ago may have given up since.
                return self
                    .take_waiter(host)
                    .map_or(Next::OtherHost, Next::SameHost);
            }
            if lane.open < self.most_per_host {
                return Next::OtherHost;
            }
        }
        Next::Nobody
    }

    /// Keeps an idle connection; its permit stays counted.
    pub(super) fn park(&mut self, host: &Host, connection: Parked, now: Instant) {
        self.idle += 1;
        let lane = self.lanes.entry(host.clone()).or_default();
        lane.idle.push_back((now, connection));
    }

    /// Takes out what was idle for too long; and when to look again.
    pub(super) fn expire(&mut self, now: Instant) -> (Due, Option<Instant>) {
        let mut closed = Vec::new();
        let mut next: Option<Instant> = None;
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
        let (since, _) = self.lanes.get(host)?.idle.front()?;
        Some(*since + IDLE)
    }

    fn hosts(&self) -> Vec<Host> {
        self.lanes.keys().cloned().collect()
    }

    fn count(&mut self, host: &Host) {
        self.open += 1;
        self.lanes.entry(host.clone()).or_default().open += 1;
    }

    fn uncount(&mut self, host: &Host) {
        self.open -= 1;
        if let Some(lane) = self.lanes.get_mut(host) {
            lane.open -= 1;
        }
        self.forget_if_empty(host);
    }

    fn forget_if_empty(&mut self, host: &Host) {
        let empty = |lane: &Lane| lane.open == 0 && lane.waiting.is_empty();
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
        if idle > 0 {
            return true;
        }
        // Above a lowered cap, closing an idle one is not enough to open another.
        let room = self.open < self.most || (self.open == self.most && self.idle > 0);
        open < self.most_per_host && room
    }

    /// A permit with an idle connection, else within the caps, else in place of another host's
    /// idle connection.
    fn fill(&mut self, host: &Host) -> Option<Slot> {
        if !self.has_room(host) {
            return None;
        }
        // The newest has the best chance to be open still.
        let newest = self
            .lanes
            .get_mut(host)
            .and_then(|lane| lane.idle.pop_back());
        if let Some((_, parked)) = newest {
            self.idle -= 1;
            return Some(Slot {
                host: host.clone(),
                parked: Some(parked),
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
            parked: None,
            closed,
        })
    }

    /// Takes the connection out that has been idle for longest.
    fn evict(&mut self) -> Option<Parked> {
        let oldest = self
            .lanes
            .iter()
            .filter_map(|(host, lane)| lane.idle.front().map(|(since, _)| (*since, host)))
            .min_by_key(|(since, _)| *since);
        let host = oldest?.1.clone();
        self.evict_from(&host)
    }

    fn evict_from(&mut self, host: &Host) -> Option<Parked> {
        let (_, parked) = self.lanes.get_mut(host)?.idle.pop_front()?;
        self.idle -= 1;
        self.uncount(host);
        Some(parked)
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
            let cap = self.most_per_host;
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

    fn enqueue(&mut self, host: &Host) -> oneshot::Receiver<Grant> {
        let (waiter, turn) = oneshot::channel();
        let lane = self.lanes.entry(host.clone()).or_default();
        // Whoever gave up at the end of the queue leaves no trace.
        while lane.waiting.back().is_some_and(oneshot::Sender::is_closed) {
            lane.waiting.pop_back();
        }
        lane.waiting.push_back(waiter);
        if !self.turns.contains(host) {
            self.turns.push_back(host.clone());
        }
        turn
    }

    /// The first live waiter for `host`, whose next turn is then behind all other hosts.
    fn take_waiter(&mut self, host: &Host) -> Option<oneshot::Sender<Grant>> {
        let lane = self.lanes.get_mut(host)?;
        let mut waiter = None;
        while waiter.is_none()
            && let Some(first) = lane.waiting.pop_front()
        {
            waiter = (!first.is_closed()).then_some(first);
        }
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
            if let Some(slot) = self.fill(&host) {
                due.served.push((waiter, slot));
            }
        }
        due
    }
}
