//! Puts the parts together: the state directory, the listening sockets, the runtimes. Knows no
//! command line.

mod listen;
mod state;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::runtime::{Builder, Runtime};

pub(crate) use listen::listen;
pub(crate) use state::{State, Token};

/// Why haul cannot start where it was told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Another process holds the state directory.
    #[error("another haul ({owner}) uses {}", dir.display())]
    Taken { dir: PathBuf, owner: String },
    /// Something else listens there.
    #[error("port {port} on {host} is in use")]
    PortTaken { host: String, port: u16 },
    /// The listening address is not one of this machine.
    #[error("cannot listen on {host} port {port}: {cause}")]
    Address {
        host: String,
        port: u16,
        cause: io::Error,
    },
}

/// Creates a directory and its parents.
pub(crate) fn create_dir(dir: &Path) -> haul_engine::Result<()> {
    fs::create_dir_all(dir).map_err(|cause| haul_engine::Error::disk("create", dir, &cause))
}

/// The runtime that moves bytes: one thread per core, and nobody else's work on it.
pub(crate) fn transfer_runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name("transfer")
        .build()
}

/// The runtime that answers: two threads, so that one busy client does not stop the others.
pub(crate) fn api_runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .thread_name("api")
        .build()
}
