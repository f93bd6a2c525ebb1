//! The real binary from end to end: real servers before it, real clients behind it. Each test has
//! its own directory, servers and daemon, and waits for what it can observe, with a deadline.

mod aria2;
mod aria2_npm;
mod aria2_sockets;
mod aria2p;
mod attacks;
mod bars;
mod commands;
mod console;
mod content;
mod crash;
mod described;
mod disk;
mod events;
mod exit_codes;
mod guards;
mod kills;
mod live;
mod metrics;
mod once;
mod schemathesis;
mod shuffle;
mod shutdown;
mod watch;
mod world;
