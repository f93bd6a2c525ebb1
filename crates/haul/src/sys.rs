//! The one system call that no safe crate offers. The only unsafe code of the program.
#![expect(
    unsafe_code,
    reason = "rustix sets no signal's action, and signal-hook stops a process for which nobody is left"
)]

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Stops this process as one that does not handle SIGTSTP, and returns when it goes on. Where nobody could
/// let it go on, the system does not stop it: that is why this is no SIGSTOP.
///
/// # Errors
/// When the system refuses; the signal is handled as before then.
pub(crate) fn stop() -> io::Result<()> {
    let mut handler = MaybeUninit::uninit();
    // SAFETY: an action of zeros is the default one with an empty mask; the kernel only reads it, and
    // writes the old one where there is room for it.
    let set = unsafe {
        let default = MaybeUninit::<libc::sigaction>::zeroed();
        libc::sigaction(libc::SIGTSTP, default.as_ptr(), handler.as_mut_ptr())
    };
    outcome(set)?;
    // SAFETY: to this thread, so that the process has been stopped before the next line. No memory is
    // passed.
    let raised = outcome(unsafe { libc::raise(libc::SIGTSTP) });
    // SAFETY: the call above has written the old action, and the kernel only reads it.
    let restored = unsafe { libc::sigaction(libc::SIGTSTP, handler.as_ptr(), ptr::null_mut()) };
    raised.and(outcome(restored))
}

fn outcome(done: i32) -> io::Result<()> {
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
