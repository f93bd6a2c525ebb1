//! The system calls that no safe library offers. Knows nothing of what they are for.
#![expect(
    unsafe_code,
    reason = "wait4 and two socket options have no safe wrapper"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

/// What a process and the children that it has waited for have used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    /// User and system time.
    pub(super) cpu: Duration,
    /// The most memory held at once, bytes.
    pub(super) peak: u64,
}

/// Waits for the end of a child that nobody has waited for.
pub(super) fn wait(child: &Child) -> io::Result<(ExitStatus, Used)> {
    let id = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: all zeroes is a valid `rusage`: it has only numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to locals that live through the call.
    if unsafe { libc::wait4(id, &raw mut status, 0, &raw mut usage) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let time = |time: libc::timeval| {
        let micros = time.tv_sec * 1_000_000 + time.tv_usec;
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    let used = Used {
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        // Linux counts in KiB.
        peak: u64::try_from(usage.ru_maxrss).unwrap_or(0) << 10,
    };
    Ok((ExitStatus::from_raw(status), used))
}

/// Lets the kernel spread what a socket sends evenly over time, at so many bytes per second.
pub(super) fn pace(socket: BorrowedFd<'_>, rate: u32) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_MAX_PACING_RATE, rate)
}

/// Makes the segments of a listener's connections as long as on Ethernet: on loopback they are
/// 64 KiB, and no client gets such from afar.
pub(super) fn ethernet(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, libc::TCP_MAXSEG, 1448)
}

fn set(socket: BorrowedFd<'_>, level: i32, option: i32, value: u32) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<u32>()).map_err(io::Error::other)?;
    let value = &raw const value;
    // SAFETY: the descriptor is open, and the pointer is to four bytes that live through the call.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value.cast(), length) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
