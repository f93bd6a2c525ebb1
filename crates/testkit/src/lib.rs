//! What the tests break haul with: an origin that misbehaves on command, real servers, the real
//! daemon and its violent ends, a foreign console client, a ledger that counts bytes, a line that can
//! be cut, disks and stores that fail, the suite that every store passes, what fuzz targets are fed, and
//! whether answers keep to the API's description. It knows haul by its public faces only.

pub mod conformance;
pub mod console;
pub mod crash;
pub mod daemon;
pub mod disk;
pub mod faulty_store;
pub mod fuzz;
pub mod http;
pub mod ledger;
pub mod origin;
pub mod power;
pub mod relay;
pub mod schema;
pub mod servers;
pub mod small_disk;

mod child;
