//! The engine against the world: files, sockets, databases. One binary, so that it links once.

mod disk;
mod download;
mod layers;
mod lifecycle;

mod store;
mod trust;
mod world;
