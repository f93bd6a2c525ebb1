//! The engine against the world: files, sockets, databases. One binary, so that it links once.

mod store;
