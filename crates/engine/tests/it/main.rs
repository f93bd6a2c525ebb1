//! The engine against the world: files, sockets, databases. One binary, so that it links once.

mod caps;
mod changes;
mod commands;
mod deliver;
mod disk;
mod download;
mod edits;
mod far;
mod group;
mod island;
mod layers;
mod lifecycle;
mod line;
mod lost;
mod mirrors;
mod network;
mod once;
mod power;
mod scratch;
mod small_disk;
mod store;
mod store_faults;
mod tail;
mod trust;
mod world;
