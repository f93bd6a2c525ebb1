//! What the tests break haul with: an origin that misbehaves on command, real servers, the real
//! daemon, a foreign console client, a ledger that counts bytes, disks and stores that
//! fail, and the suite that every store passes. It knows haul by its public faces only.

pub mod conformance;
pub mod console;
pub mod daemon;
pub mod disk;
pub mod faulty_store;
pub mod http;
pub mod ledger;
pub mod origin;
pub mod servers;
pub mod small_disk;

mod child;
