//! How far a block has come: what the thread that fills it, the writer and the download that plans it
//! know of each other. Each fact has one owner; the others read it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crc32fast::Hasher;
use tokio::time::Instant;

use crate::error::Error;
use crate::event::ThreadState;
use crate::plan::seals::Seal;

/// How far a block has come, shared by the thread that writes it and the download that plans it.
pub(crate) struct Span {
    /// The first byte that is not written. Only the writer moves it.
    at: AtomicU64,
    /// One past the last byte. Only the download moves it, and only down.
    end: AtomicU64,
    /// What is written and not sealed. A leaf: nothing is awaited or written while it is locked.
    unsealed: Mutex<Unsealed>,
    state: AtomicU8,
    /// Whether it waits for a connection that is in other hands.
    waits: AtomicBool,
    failures: AtomicU32,
    trouble: Mutex<Option<Trouble>>,
}

/// Why a thread does nothing at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) error: Error,
    /// When it tries again.
    pub(crate) until: Instant,
    /// Failures in a row, this one included.
    pub(crate) failures: u32,
}

/// Bytes that are written, from `start` on, and their checksum so far.
struct Unsealed {
    start: u64,
    at: u64,
    crc: Hasher,
}

impl Span {
    pub(crate) fn new(start: u64, end: u64) -> Span {
        Span {
            at: AtomicU64::new(start),
            end: AtomicU64::new(end),
            unsealed: Mutex::new(Unsealed {
                start,
                at: start,
                crc: Hasher::new(),
            }),
            state: AtomicU8::new(ThreadState::Connecting as u8),
            waits: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            trouble: Mutex::new(None),
        }
    }

    pub(crate) fn at(&self) -> u64 {
        self.at.load(Ordering::Acquire)
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Gives the bytes from `end` on to another thread. A write under way may still go past it, which
    /// writes the same bytes twice and harms nothing.
    pub(crate) fn shrink_to(&self, end: u64) {
        self.end.fetch_min(end, Ordering::AcqRel);
    }

    /// Whether it waits for a connection that is in other hands.
    pub(crate) fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    pub(crate) fn state(&self) -> ThreadState {
        if self.waits() {
            return ThreadState::Waiting;
        }
        match self.state.load(Ordering::Relaxed) {
            1 => ThreadState::Streaming,
            2 => ThreadState::Waiting,
            3 => ThreadState::Retrying,
            _ => ThreadState::Connecting,
        }
    }

    /// New tries so far.
    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// What its next try waits for.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.lock_trouble().clone()
    }

    /// Whether the thread waits for a connection is told here.
    pub(crate) fn turn(&self) -> &AtomicBool {
        &self.waits
    }

    /// Another try is due later.
    pub(crate) fn failed(&self, trouble: Trouble) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.set_state(ThreadState::Retrying);
        *self.lock_trouble() = Some(trouble);
    }

    /// The next try begins.
    pub(crate) fn tries_again(&self) {
        *self.lock_trouble() = None;
    }

    fn lock_trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals what was written since the last call. The end of the seal is how far the block has come.
    pub(crate) fn seal(&self) -> Seal {
        let mut unsealed = self.unsealed();
        let bytes = unsealed.start..unsealed.at;
        unsealed.start = bytes.end;
        Seal {
            bytes,
            crc: std::mem::take(&mut unsealed.crc).finalize(),
        }
    }

    /// Bytes with this checksum are written behind those that were before.
    pub(crate) fn wrote(&self, len: u64, crc: &Hasher) {
        let mut unsealed = self.unsealed();
        unsealed.at += len;
        unsealed.crc.combine(crc);
        self.at.store(unsealed.at, Ordering::Release);
    }

    fn unsealed(&self) -> MutexGuard<'_, Unsealed> {
        // No step above can leave it half changed, so a panic elsewhere does not spoil it.
        self.unsealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_state(&self, state: ThreadState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }
}
