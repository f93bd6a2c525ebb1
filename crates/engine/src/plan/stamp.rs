//! A stamp: how a file looked from outside when we left it. As long as it looks the same nobody has
//! touched it. Knows nothing of how a file is looked at.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How old the last change of a file must be before its stamp tells every later change: file systems
/// take their times from a clock that ticks up to every 10 ms.
pub const QUIET: Duration = Duration::from_millis(20);

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// How a file looked from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The file system.
    pub device: u64,
    /// The file on it.
    pub inode: u64,
    /// Its length in bytes.
    pub len: u64,
    /// When its bytes were last changed, in nanoseconds since 1970. Programs may set it.
    pub modified: i64,
    /// When anything about it last changed, in nanoseconds since 1970. Programs cannot set it.
    pub changed: i64,
}

impl Stamp {
    /// Whether every change after `now` would show.
    ///
    /// Not when the last one has only just been made, lies in the future (the clock was set back), or
    /// has whole seconds: then this file system may know no finer times.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let quiet_since = now.saturating_sub(QUIET).as_nanos();
        self.changed % NANOS_PER_SECOND != 0
            && i128::from(self.changed) <= quiet_since.cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_counts_when_a_later_change_would_have_a_later_time() {
        let changed = 1_767_323_045_000_000_001;
        let stamp = |changed| Stamp {
            device: 1,
            inode: 2,
            len: 3,
            modified: changed,
            changed,
        };
        let at = |nanos: i64| UNIX_EPOCH + Duration::from_nanos(nanos.unsigned_abs());
        let quiet = i64::try_from(QUIET.as_nanos()).expect("short");
        assert!(stamp(changed).is_settled(at(changed + quiet)));
        assert!(!stamp(changed).is_settled(at(changed + quiet - 1)));
        assert!(!stamp(changed).is_settled(at(changed - quiet)), "set back");
        let coarse = stamp(changed - 1);
        assert!(!coarse.is_settled(at(changed + quiet)), "whole seconds");
        assert!(!stamp(changed).is_settled(UNIX_EPOCH));
    }
}
