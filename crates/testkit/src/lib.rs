//! What the tests break haul with: an origin that misbehaves on command, real servers, the real
//! daemon, a foreign console client, and a ledger that counts bytes. It knows haul by its public
//! faces only.

pub mod console;
pub mod daemon;
pub mod http;
pub mod ledger;
pub mod origin;
pub mod servers;

mod child;
