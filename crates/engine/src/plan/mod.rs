//! Pure decisions: what to do next. No I/O, no `async`; time and randomness come in as arguments.

pub mod ranges;
pub mod resource;
pub mod state;
