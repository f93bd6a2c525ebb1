//! Pure decisions: what to do next. No I/O, no `async`; time and randomness come in as arguments.

pub mod content_range;
pub mod disposition;
pub mod name;
pub mod ranges;
pub mod resource;
pub mod retry_after;
pub mod state;
