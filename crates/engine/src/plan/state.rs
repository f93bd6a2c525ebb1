//! The states of a download and the only steps between them.

/// Where a download stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// Waits for its turn.
    Queued,
    /// Asks the server what there is.
    Probing,
    /// Threads fetch blocks.
    Downloading,
    /// Stopped by a user; bytes are kept.
    Paused,
    /// All bytes are here; their digest is computed.
    Verifying,
    /// On the way from the scratch file to its final name.
    Delivering,
    /// The file is at its final name.
    Completed,
    /// Gave up, with an error.
    Failed,
    /// Given up by a user; bytes are gone.
    Cancelled,
}

/// What can happen to a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The engine gives it its turn.
    Start,
    /// The probe answered.
    Probed,
    /// What was fetched is of no use: it starts afresh.
    Restart,
    /// The last byte is here.
    Filled,
    /// The digest is right, or none is wanted.
    Verified,
    /// The file has its final name.
    Delivered,
    /// An error that no retry mends.
    Fail,
    /// A user pauses it.
    Pause,
    /// A user resumes it, or the engine takes it back into the queue.
    Resume,
    /// A user wants another try after a failure or a cancellation.
    Retry,
    /// A user gives it up.
    Cancel,
}

impl Status {
    /// Every state, in the order of its number.
    pub const ALL: [Status; 9] = [
        Status::Queued,
        Status::Probing,
        Status::Downloading,
        Status::Paused,
        Status::Verifying,
        Status::Delivering,
        Status::Completed,
        Status::Failed,
        Status::Cancelled,
    ];

    /// Its name in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Probing => "probing",
            Status::Downloading => "downloading",
            Status::Paused => "paused",
            Status::Verifying => "verifying",
            Status::Delivering => "delivering",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether it is under way: it holds one of the `max_downloads` places, or waits for the disk in a
    /// group.
    pub fn is_active(self) -> bool {
        matches!(
            self,
            Status::Probing | Status::Downloading | Status::Verifying | Status::Delivering
        )
    }

    /// Whether nothing more happens to it by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Status::Completed | Status::Failed | Status::Cancelled)
    }

    /// The state after `input`, or `None` when the present state does not allow it.
    pub fn step(self, input: Input) -> Option<Status> {
        match (self, input) {
            (Status::Queued, Input::Start) => Some(Status::Probing),
            (Status::Probing, Input::Probed) => Some(Status::Downloading),
            (Status::Downloading, Input::Filled) => Some(Status::Verifying),
            (Status::Downloading | Status::Verifying | Status::Delivering, Input::Restart) => {
                Some(Status::Probing)
            }
            (Status::Verifying, Input::Verified) => Some(Status::Delivering),
            (Status::Delivering, Input::Delivered) => Some(Status::Completed),
            // Once renaming has begun there is nothing left to stop.
            (Status::Delivering, Input::Pause | Input::Cancel) => None,
            (state, Input::Pause) if state == Status::Queued || state.is_active() => {
                Some(Status::Paused)
            }
            (state, Input::Fail) if !state.is_over() => Some(Status::Failed),
            (state, Input::Resume) if state == Status::Paused || state.is_active() => {
                Some(Status::Queued)
            }
            (Status::Failed | Status::Cancelled, Input::Retry) => Some(Status::Queued),
            // Cancelling a failed download drops the bytes that it kept for a retry.
            (state, Input::Cancel) if !state.is_over() || state == Status::Failed => {
                Some(Status::Cancelled)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_straight_way_leads_from_queued_to_completed() {
        let inputs = [
            Input::Start,
            Input::Probed,
            Input::Filled,
            Input::Verified,
            Input::Delivered,
        ];
        let end = inputs.into_iter().try_fold(Status::Queued, Status::step);
        assert_eq!(end, Some(Status::Completed));
    }

    #[test]
    fn a_finished_file_is_never_touched_again() {
        for input in [
            Input::Pause,
            Input::Resume,
            Input::Retry,
            Input::Cancel,
            Input::Fail,
            Input::Start,
        ] {
            assert_eq!(Status::Completed.step(input), None, "{input:?}");
        }
    }

    #[test]
    fn every_name_reads_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
        }
    }
}
