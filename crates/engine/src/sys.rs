//! The two system calls that no safe crate offers. The only unsafe code of the engine.
#![expect(
    unsafe_code,
    reason = "rustix and socket2 have neither sync_file_range nor SO_RCVLOWAT"
)]

use std::fs::File;
use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Begins to write out everything of `file` that is only in memory, and does not wait for it. Tells
/// nothing of what is on the medium: only a sync does. A failure of the writing is kept for that sync.
pub(crate) fn begin_to_write_out(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed; no memory is passed.
    let done =
        unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
    outcome(done)
}

/// Lets a reader of `socket` sleep until at least `bytes` are there, or the connection is over.
pub(crate) fn set_low_water_mark(socket: BorrowedFd<'_>, bytes: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open while it is borrowed; the pointer leads to an int of the given
    // length, which the kernel only reads.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            libc::socklen_t::try_from(size_of_val(&bytes)).unwrap_or_default(),
        )
    };
    outcome(done)
}

fn outcome(done: i32) -> io::Result<()> {
    if done == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}
