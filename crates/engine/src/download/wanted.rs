//! What is asked for of the finished file. It may change while the download runs, until the download
//! acts upon it; from then on a change is refused, never taken and forgotten.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::spec::{Checksum, OnConflict, Spec};

/// The part of a [`Spec`] that nothing depends on before the last byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finish {
    pub(crate) name: Option<String>,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) on_conflict: OnConflict,
}

/// How much of it has been acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Settled {
    Nothing,
    /// What the file is compared with.
    Checksum,
    /// Where it goes, too.
    All,
}

/// Shared by who runs the download and who owns what is asked for. A leaf.
pub(crate) struct Wanted(Mutex<(Finish, Settled)>);

impl Finish {
    pub(crate) fn of(spec: &Spec) -> Finish {
        Finish {
            name: spec.name.clone(),
            checksum: spec.checksum.clone(),
            on_conflict: spec.on_conflict,
        }
    }

    /// Takes it over into `spec`.
    pub(crate) fn put_into(self, spec: &mut Spec) {
        let Finish {
            name,
            checksum,
            on_conflict,
        } = self;
        spec.name = name;
        spec.checksum = checksum;
        spec.on_conflict = on_conflict;
    }
}

impl Wanted {
    pub(crate) fn new(finish: Finish) -> Wanted {
        Wanted(Mutex::new((finish, Settled::Nothing)))
    }

    pub(crate) fn now(&self) -> Finish {
        self.lock().0.clone()
    }

    /// So much is settled from now on, more or less than before; returns what was before, and what is
    /// wanted.
    pub(crate) fn settle(&self, settled: Settled) -> (Settled, Finish) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.1, settled);
        (before, state.0.clone())
    }

    /// Wants something else from now on.
    ///
    /// # Errors
    /// Why it is too late for that; nothing has changed then.
    pub(crate) fn replace(&self, finish: Finish) -> Result<(), &'static str> {
        let mut state = self.lock();
        let (now, settled) = &*state;
        if *settled == Settled::All && *now != finish {
            return Err("it is delivered now");
        }
        if *settled == Settled::Checksum && now.checksum != finish.checksum {
            return Err("its file is verified now");
        }
        state.0 = finish;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, (Finish, Settled)> {
        // No step above can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_stays_and_the_rest_may_change() {
        let first = Finish {
            name: None,
            checksum: None,
            on_conflict: OnConflict::Rename,
        };
        let renamed = Finish {
            name: Some("b".to_owned()),
            ..first.clone()
        };
        let checked = Finish {
            checksum: "md5=d41d8cd98f00b204e9800998ecf8427e".parse().ok(),
            ..renamed.clone()
        };
        let wanted = Wanted::new(first.clone());
        assert_eq!(wanted.replace(checked.clone()), Ok(()));
        let (before, taken) = wanted.settle(Settled::Checksum);
        assert_eq!((before, &taken), (Settled::Nothing, &checked));
        assert!(wanted.replace(renamed.clone()).is_err());
        let moved = Finish {
            name: None,
            ..checked.clone()
        };
        assert_eq!(wanted.replace(moved.clone()), Ok(()));
        wanted.settle(Settled::All);
        assert!(wanted.replace(checked.clone()).is_err());
        assert_eq!(wanted.replace(moved.clone()), Ok(()), "nothing changes");
        assert_eq!(wanted.now(), moved);
        wanted.settle(Settled::Nothing);
        assert_eq!(wanted.replace(first), Ok(()));
    }
}
