//! A small world without a network, for newcomers: an origin on this machine, and files on it that each
//! show something of haul. Knows neither the daemon that fetches them nor the command line.

mod origin;
mod samples;

pub(crate) use origin::Origin;
pub(crate) use samples::wanted;
