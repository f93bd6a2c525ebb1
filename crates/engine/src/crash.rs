//! The places where tests kill the process, as `kill -9` at the worst moment would. It knows nothing
//! of what happens there. Without the feature `crash-points` a place costs nothing.

/// Declares the places once, so that a place without a name, or one that no test walks, cannot be.
macro_rules! points {
    ($($(#[doc = $doc:literal])* $point:ident = $name:literal,)*) => {
        /// A place where a test can kill the process.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Point {
            $($(#[doc = $doc])* $point,)*
        }

        impl Point {
            /// Every place, in the order in which a download comes by.
            pub const ALL: &[Point] = &[$(Point::$point),*];

            /// Its name in `HAUL_CRASH_AT`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Point::$point => $name,)*
                }
            }
        }
    };
}

points! {
    /// New downloads are recorded; who added them has not been told.
    Added = "added",
    /// What was held is of no use any more and its file is deleted; its record still claims it.
    Discarded = "discarded",
    /// No record claims the old bytes; the new file is not there yet.
    Forgotten = "forgotten",
    /// The scratch file has its room; no record knows of it.
    Reserved = "reserved",
    /// Bytes are written; their sync has not begun.
    Written = "written",
    /// Bytes are synced; they are not recorded.
    Synced = "synced",
    /// A checkpoint is recorded; its transfer has not been told.
    Recorded = "recorded",
    /// The last byte is synced; that is not recorded.
    Filled = "filled",
    /// The digest is right, or none is wanted; that is not recorded.
    Verified = "verified",
    /// The bytes of a group of files are synced; no final path is recorded.
    GroupSynced = "group-synced",
    /// The final path is recorded; the file is not there.
    Targeted = "targeted",
    /// The file has its final name; the directory is not synced.
    Renamed = "renamed",
    /// The file is delivered for good; the record does not say so.
    Delivered = "delivered",
    /// The record says completed; the table has not been told.
    Completed = "completed",
    /// A run has ended before its file was complete; its last state is not recorded.
    Halted = "halted",
    /// What is asked for is changed and recorded; who changed it has not been told.
    Edited = "edited",
    /// The record is cancelled; the scratch file is still there.
    Cancelled = "cancelled",
    /// The record is removed; the scratch file is still there.
    Removed = "removed",
    /// Told to stop; the running downloads have not been told.
    Stopping = "stopping",
    /// Every running download has had its last checkpoint; the process still runs.
    Stopped = "stopped",
}

/// Does nothing: the program was built without the feature `crash-points`.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub(crate) fn point(_: Point) {}

#[cfg(feature = "crash-points")]
pub(crate) use armed::point;

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Point;

    /// Names a place and which passage kills: `HAUL_CRASH_AT=renamed:2`.
    const VARIABLE: &str = "HAUL_CRASH_AT";

    /// The place that kills, and how many passages are left until it does.
    struct Armed {
        point: Point,
        left: AtomicU64,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    /// Kills the process when the environment says so.
    pub(crate) fn point(point: Point) {
        let Some(armed) = ARMED.get_or_init(read) else {
            return;
        };
        if armed.point == point && armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let own = rustix::process::getpid();
            // SIGKILL cannot be caught: nothing runs after this.
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        }
    }

    fn read() -> Option<Armed> {
        let text = std::env::var(VARIABLE).ok()?;
        let armed = parse(&text);
        Some(armed.unwrap_or_else(|| panic!("{VARIABLE}={text} is not PLACE:PASSAGE")))
    }

    fn parse(text: &str) -> Option<Armed> {
        let (name, passage) = text.split_once(':')?;
        let point = Point::ALL.iter().find(|point| point.name() == name)?;
        let passage: u64 = passage.parse().ok()?;
        (passage > 0).then(|| Armed {
            point: *point,
            left: AtomicU64::new(passage),
        })
    }
}
