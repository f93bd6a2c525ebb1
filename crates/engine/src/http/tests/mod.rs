//! The client against a scripted server: what goes over the wire and what comes of every lie.

mod ahead;
mod body;
mod gather;
mod proxy;
mod reuse;
mod tls;
mod walk;
