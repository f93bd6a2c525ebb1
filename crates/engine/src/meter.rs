//! What is counted for whoever runs haul: the names, units and labels of the engine's own metrics. It
//! does not know who reads them; while nobody does, counting costs next to nothing.
//!
//! No label holds a URL, a name or a path: they would be secrets in a place that many can read, and
//! there is no end to them.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::error::Kind;

const BYTES: &str = "haul_bytes_total";
const RETRIES: &str = "haul_retries_total";
const COMMIT_TIME: &str = "haul_commit_seconds";
const COMMITTED: &str = "haul_committed_writes_total";

/// Tells the recorder in force what each of the engine's metrics means.
pub fn describe() {
    describe_counter!(BYTES, Unit::Bytes, "Bytes received and written to files");
    describe_counter!(
        RETRIES,
        "Requests made again after a failure, by the failure's code"
    );
    describe_histogram!(
        COMMIT_TIME,
        Unit::Seconds,
        "Time of a database transaction, its sync included"
    );
    describe_counter!(COMMITTED, "Changes of the database, many to a transaction");
}

/// `len` bytes have been received and written.
pub(crate) fn wrote(len: u64) {
    counter!(BYTES).increment(len);
}

/// Something failed, and is tried again.
pub(crate) fn retried(why: Kind) {
    counter!(RETRIES, "code" => why.code()).increment(1);
}

/// A transaction of `writes` changes has ended.
pub(crate) fn committed(writes: usize, took: Duration) {
    histogram!(COMMIT_TIME).record(took);
    counter!(COMMITTED).increment(writes as u64);
}
