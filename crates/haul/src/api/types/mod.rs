//! Everything that goes over the wire as JSON. The only place of the API that knows serde; it
//! decides nothing.

pub(crate) mod add;
pub(crate) mod answer;
pub(crate) mod arguments;
pub(crate) mod asyncapi;
pub(crate) mod download;
pub(crate) mod events;
mod examples;
pub(crate) mod openapi;
pub(crate) mod params;
pub(crate) mod problem;
pub(crate) mod requests;
pub(crate) mod rpc;
mod schema;
mod waits;
