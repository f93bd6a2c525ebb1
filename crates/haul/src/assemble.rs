//! Puts the parts together: the state directory, the listening sockets, the runtimes. Knows no
//! command line.

mod listen;
mod state;

use std::io;
use std::path::{Path, PathBuf};

use haul_engine::folder::make_dirs;
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use tokio::runtime::{Builder, Runtime};

pub(crate) use listen::listen;
pub(crate) use state::{State, Token};

/// More of them contend for the same disk and the same sockets' memory.
const MOST_TRANSFER_THREADS: usize = 8;

/// Why haul cannot start where it was told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Another process holds the state directory.
    #[error("another haul ({owner}) uses {}", dir.display())]
    Taken { dir: PathBuf, owner: String },
    /// Something that is no directory has a directory's name.
    #[error("{} is not a directory, or lies below a file", dir.display())]
    NoDirectory { dir: PathBuf },
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
///
/// # Errors
/// [`Error::NoDirectory`] when a file is there; disk errors with the path.
pub(crate) fn create_dir(dir: &Path) -> anyhow::Result<()> {
    create_with_mode(dir, 0o777)
}

fn create_with_mode(dir: &Path, mode: u32) -> anyhow::Result<()> {
    match make_dirs(dir, mode) {
        Ok(()) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => Err(Error::NoDirectory {
            dir: dir.to_owned(),
        }
        .into()),
        Err(cause) => Err(haul_engine::Error::disk("create", dir, &cause).into()),
    }
}

/// Lets this process have as many files and sockets open as it may. Systems begin with 1024 for the sake
/// of old programs, which is less than the live subscribers that are promised.
pub(crate) fn open_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(cause) = setrlimit(Resource::Nofile, most) {
        tracing::debug!(%cause, "the number of open files stays at {:?}", limit.current);
    }
}

/// Whose turn it is when there is more to do than cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// As that of every program.
    Fair,
    /// After those who answer: bytes can wait for a few milliseconds, and people notice them.
    AfterAnswers,
}

impl Turn {
    /// A third of the weight of other threads, which is all that the kernel needs to let an answer go
    /// first. Measured on 2 cores with nginx and one file at full rate: 99 of 100 answers within 6 to
    /// 10 ms instead of 6 to 21.
    const NICE: i32 = 5;

    /// For the thread that calls it.
    fn take(self) {
        if self == Turn::AfterAnswers
            && let Err(cause) = setpriority_process(None, Turn::NICE)
        {
            tracing::debug!(%cause, "threads that move bytes stay as important as all others");
        }
    }
}

/// The runtime that moves bytes; nobody else's work is on it. Half of the cores: a thread moves more
/// than a gigabyte a second, and one that has work to do wakes no other. The rest is for the kernel's
/// share of the same bytes, and for whoever asks how far they are.
pub(crate) fn transfer_runtime(turn: Turn) -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads((cores / 2).clamp(1, MOST_TRANSFER_THREADS))
        .enable_all()
        .thread_name("transfer")
        .on_thread_start(move || turn.take())
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
