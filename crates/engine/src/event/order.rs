//! In which orders the table can be walked, and which downloads stand in them where. Knows places,
//! names and numbers; the downloads themselves are elsewhere.
//!
//! Each state has orders of its own, and a walk merges those that are wanted: a page costs its own
//! length, however many downloads are in other states or on other pages.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::View;
use crate::plan::state::Status;
use crate::spec::Id;

/// A set of states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statuses(u16);

impl Statuses {
    /// Every state.
    pub const ALL: Statuses = Statuses(u16::MAX);

    /// Whether a state is in the set.
    pub fn contains(self, status: Status) -> bool {
        self.0 & (1 << status as u16) != 0
    }
}

impl FromIterator<Status> for Statuses {
    fn from_iter<I: IntoIterator<Item = Status>>(statuses: I) -> Statuses {
        let bits = statuses.into_iter().map(|status| 1 << status as u16);
        Statuses(bits.fold(0, |all, bit| all | bit))
    }
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The order in which they were added.
    Added,
    /// The file's name, whatever its case.
    Name,
    /// Bytes; unknown counts as least.
    Size,
    /// Percent; unknown counts as least.
    Progress,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// A list: which downloads, in what order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List {
    /// Those in one of these states.
    pub statuses: Statuses,
    /// Sorted by this.
    pub sort: Sort,
    /// This way.
    pub direction: Direction,
}

impl List {
    /// All of them, in the order in which they were added.
    pub const ADDED: List = List {
        statuses: Statuses::ALL,
        sort: Sort::Added,
        direction: Direction::Ascending,
    };
}

/// What a download is sorted by. Within one list all keys are of one variant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Nothing but its place.
    Added,
    /// Bytes, or tenths of a percent.
    Number(Option<u64>),
    /// Its name in lower case.
    Name(Arc<str>),
}

/// Where a download stands in an order: by its key, and among equals by the place at which it was
/// added. No two stand at the same place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// What it is sorted by.
    pub key: Key,
    /// How many were added before it since the start.
    pub place: u64,
}

/// One order: the keys with the places of those that have them.
type Ranks<K, V = ()> = BTreeMap<(K, u64), V>;

/// The orders of the downloads in one state. A queue may be very long, and of nearly all that wait in it
/// neither size nor progress is known: those stand in the orders of both without being in them.
#[derive(Default)]
struct OfStatus {
    /// Those of unknown progress, and therefore of unknown size.
    unknown: Ranks<(), Id>,
    /// All others.
    known: Ranks<(), Id>,
    names: Ranks<Arc<str>>,
    /// Of the known only.
    sizes: Ranks<Size>,
    progress: Ranks<Tenths>,
}

/// Bytes in eight bytes: 0 is unknown, all others are one more than they say.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Size(u64);

/// The same of tenths of a percent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Tenths(u16);

/// A part of an order's key, as the order holds it.
trait Held: Ord + Clone {
    fn of(view: &View) -> Self;
    fn shown(self) -> Key;
    /// `None`: the key of another order.
    fn read(key: &Key) -> Option<Self>;
}

impl Held for () {
    fn of(_: &View) {}

    fn shown(self) -> Key {
        Key::Added
    }

    fn read(key: &Key) -> Option<()> {
        (*key == Key::Added).then_some(())
    }
}

impl Held for Arc<str> {
    /// Shared with the view when it is in lower case anyway.
    fn of(view: &View) -> Arc<str> {
        let lower = view.name.to_lowercase();
        if *lower == *view.name {
            view.name.clone()
        } else {
            lower.into()
        }
    }

    fn shown(self) -> Key {
        Key::Name(self)
    }

    fn read(key: &Key) -> Option<Arc<str>> {
        match key {
            Key::Name(name) => Some(name.clone()),
            _ => None,
        }
    }
}

impl Held for Size {
    fn of(view: &View) -> Size {
        Size(view.size.map_or(0, |size| size.saturating_add(1)))
    }

    fn shown(self) -> Key {
        Key::Number(self.0.checked_sub(1))
    }

    fn read(key: &Key) -> Option<Size> {
        match key {
            Key::Number(number) => Some(Size(number.map_or(0, |size| size.saturating_add(1)))),
            _ => None,
        }
    }
}

impl Held for Tenths {
    fn of(view: &View) -> Tenths {
        Tenths(view.progress().map_or(0, |tenths| tenths + 1))
    }

    fn shown(self) -> Key {
        Key::Number(self.0.checked_sub(1).map(u64::from))
    }

    fn read(key: &Key) -> Option<Tenths> {
        let Size(least) = Size::read(key)?;
        Some(Tenths(u16::try_from(least).unwrap_or(u16::MAX)))
    }
}

impl OfStatus {
    fn insert(&mut self, place: u64, view: &View) {
        self.names.insert((Held::of(view), place), ());
        if view.progress().is_none() {
            self.unknown.insert(((), place), view.id);
            return;
        }
        self.known.insert(((), place), view.id);
        self.sizes.insert((Held::of(view), place), ());
        self.progress.insert((Held::of(view), place), ());
    }

    fn remove(&mut self, place: u64, view: &View) {
        self.names.remove(&(Held::of(view), place));
        if self.unknown.remove(&((), place)).is_some() {
            return;
        }
        self.known.remove(&((), place));
        self.sizes.remove(&(Held::of(view), place));
        self.progress.remove(&(Held::of(view), place));
    }

    fn id(&self, place: u64) -> Option<Id> {
        let at = ((), place);
        self.unknown
            .get(&at)
            .or_else(|| self.known.get(&at))
            .copied()
    }
}

/// Every order of every state.
#[derive(Default)]
pub(super) struct Orders([OfStatus; Status::ALL.len()]);

impl Orders {
    /// How many downloads are in a state.
    pub(super) fn count(&self, status: Status) -> u64 {
        self.0[status as usize].names.len() as u64
    }

    pub(super) fn insert(&mut self, place: u64, view: &View) {
        self.0[view.status as usize].insert(place, view);
    }

    pub(super) fn remove(&mut self, place: u64, view: &View) {
        self.0[view.status as usize].remove(place, view);
    }

    /// Follows a change. Most change nothing here but the progress.
    pub(super) fn update(&mut self, place: u64, old: &View, new: &View) {
        if old.status != new.status || old.name != new.name || old.size != new.size {
            self.remove(place, old);
            return self.insert(place, new);
        }
        let (before, now) = (Tenths::of(old), Tenths::of(new));
        if before != now {
            let held = &mut self.0[new.status as usize];
            held.progress.remove(&(before, place));
            held.progress.insert((now, place), ());
        }
    }

    /// Those that a list shows, beyond `after`, with where they stand.
    pub(super) fn walk(&self, list: List, after: Option<&Rank>) -> Walk<'_> {
        match list.sort {
            Sort::Added => self.merge(list, after, |held, way| {
                vec![way.through(&held.unknown), way.through(&held.known)]
            }),
            Sort::Name => self.merge(list, after, |held, way| vec![way.through(&held.names)]),
            Sort::Size => self.merge(list, after, |held, way| {
                vec![way.unknown(held, Size(0)), way.through(&held.sizes)]
            }),
            Sort::Progress => self.merge(list, after, |held, way| {
                vec![way.unknown(held, Tenths(0)), way.through(&held.progress)]
            }),
        }
    }

    fn merge<'a, K: Held + 'a>(
        &'a self,
        list: List,
        after: Option<&Rank>,
        ways: impl Fn(&'a OfStatus, &Way<K>) -> Vec<Steps<'a, K>>,
    ) -> Walk<'a> {
        let way = Way {
            direction: list.direction,
            after: after.and_then(|rank| Some((K::read(&rank.key)?, rank.place))),
        };
        let wanted = Status::ALL.into_iter();
        let wanted = wanted.filter(|status| list.statuses.contains(*status));
        let wanted = wanted.map(|status| &self.0[status as usize]);
        let mut walks: Vec<_> = wanted
            .flat_map(|held| ways(held, &way).into_iter().map(move |steps| (held, steps)))
            .map(|(held, steps)| (held, steps.peekable()))
            .collect();
        Box::new(std::iter::from_fn(move || {
            let mut best: Option<usize> = None;
            for at in 0..walks.len() {
                let Some(head) = walks[at].1.peek().cloned() else {
                    continue;
                };
                let is_next = best.is_none_or(|best| {
                    let other = walks[best].1.peek();
                    let ahead = other.map(|other| head.cmp(other));
                    ahead == Some(list.direction.first())
                });
                if is_next {
                    best = Some(at);
                }
            }
            let (held, steps) = &mut walks[best?];
            let (key, place) = steps.next()?;
            let id = held.id(place)?;
            let key = key.shown();
            Some((Rank { key, place }, id))
        }))
    }
}

impl Direction {
    /// How what comes first compares to what comes second.
    fn first(self) -> Ordering {
        match self {
            Direction::Ascending => Ordering::Less,
            Direction::Descending => Ordering::Greater,
        }
    }
}

/// Downloads with where they stand.
pub(super) type Walk<'a> = Box<dyn Iterator<Item = (Rank, Id)> + 'a>;

/// Where they stand in one order of one state.
type Steps<'a, K> = Box<dyn Iterator<Item = (K, u64)> + 'a>;

/// Which way to go through an order, and from where.
struct Way<K> {
    direction: Direction,
    after: Option<(K, u64)>,
}

impl<K: Held> Way<K> {
    fn through<'a, V>(&self, ranks: &'a Ranks<K, V>) -> Steps<'a, K>
    where
        K: 'a,
    {
        let edge = self
            .after
            .as_ref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        match self.direction {
            Direction::Ascending => {
                let on = ranks.range((edge, Bound::Unbounded));
                Box::new(on.map(|(rank, _)| rank.clone()))
            }
            Direction::Descending => {
                let back = ranks.range((Bound::Unbounded, edge)).rev();
                Box::new(back.map(|(rank, _)| rank.clone()))
            }
        }
    }

    /// Through those whose key is not known, which is `least`.
    fn unknown<'a>(&self, held: &'a OfStatus, least: K) -> Steps<'a, K>
    where
        K: 'a,
    {
        let after = match (&self.after, self.direction) {
            (Some((key, place)), _) if *key == least => Some(((), *place)),
            // All of them lie behind on the way up, and ahead on the way down.
            (Some(_), Direction::Ascending) => return Box::new(std::iter::empty()),
            (Some(_), Direction::Descending) | (None, _) => None,
        };
        let direction = self.direction;
        let steps = Way { direction, after }.through(&held.unknown);
        Box::new(steps.map(move |((), place)| (least.clone(), place)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::tests::view;
    use crate::event::{Live, Piece};

    /// What a list must show: looked at one by one and sorted.
    fn expected(views: &[View], list: List) -> Vec<Id> {
        let mut rows: Vec<(Key, usize, Id)> = views
            .iter()
            .enumerate()
            .filter(|(_, view)| list.statuses.contains(view.status))
            .map(|(place, view)| {
                let key = match list.sort {
                    Sort::Added => Key::Added,
                    Sort::Name => Key::Name(view.name.to_lowercase().into()),
                    Sort::Size => Key::Number(view.size),
                    Sort::Progress => Key::Number(view.progress().map(u64::from)),
                };
                (key, place, view.id)
            })
            .collect();
        rows.sort();
        if list.direction == Direction::Descending {
            rows.reverse();
        }
        rows.into_iter().map(|(.., id)| id).collect()
    }

    /// All of a list, in pieces.
    fn walked(live: &Live, list: List, most: usize) -> Vec<Id> {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let Piece { rows, total, .. } = live.piece(list, after.as_ref(), most);
            let Some((last, _)) = rows.last() else {
                assert_eq!(total, seen.len() as u64);
                return seen;
            };
            after = Some(last.clone());
            seen.extend(rows.iter().map(|(_, view)| view.id));
        }
    }

    proptest! {
        /// Whatever is added, changed and removed: every list in every order shows what it must.
        #[test]
        fn every_order_follows_every_change(
            steps in proptest::collection::vec((1u64..12, 0u8..6, 0usize..9, 0u64..4), 0..80),
            most in 1usize..5,
        ) {
            let live = Live::new();
            let mut views: Vec<View> = Vec::new();
            for (id, what, status, number) in steps {
                let at = views.iter().position(|view| view.id == Id(id));
                match (at, what) {
                    (None, _) => {
                        let new = View { status: Status::ALL[status], ..view(id) };
                        live.insert(new.clone());
                        views.push(new);
                    }
                    (Some(at), 0) => {
                        live.remove(Id(id));
                        views.remove(at);
                    }
                    (Some(at), _) => {
                        let change = |view: &mut View| match what {
                            1 => view.status = Status::ALL[status],
                            2 => view.name = ["B", "a", "b", "Ä"][status % 4].into(),
                            3 => view.size = number.checked_sub(1),
                            _ => view.done = number,
                        };
                        live.update(Id(id), change);
                        change(&mut views[at]);
                    }
                }
            }
            let some = [Status::Queued, Status::Completed].into_iter().collect();
            for statuses in [Statuses::ALL, some] {
                for sort in [Sort::Added, Sort::Name, Sort::Size, Sort::Progress] {
                    for direction in [Direction::Ascending, Direction::Descending] {
                        let list = List { statuses, sort, direction };
                        prop_assert_eq!(walked(&live, list, most), expected(&views, list));
                    }
                }
            }
        }
    }
}
