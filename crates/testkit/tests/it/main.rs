//! Tests of the testkit itself: a test tool that does not do what it says makes every other test
//! worthless.
#![expect(
    clippy::single_range_in_vec_init,
    reason = "one part is what is expected"
)]

mod body;
mod file;
mod head;
mod later;
mod raw;
mod refusals;
mod tls;
mod tools;
mod watching;
