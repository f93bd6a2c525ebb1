//! What the tests break haul with. It knows the engine's public side only.

pub mod conformance;
