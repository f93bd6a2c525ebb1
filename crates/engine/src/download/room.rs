//! Room on the disk: whether there is some, and how a download waits for it. Free space that is shown is
//! believed only until a write finds none: a quota may be used up, of which it tells nothing.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::again::After;
use super::{Download, stands_still};
use crate::disk::Scratch;
use crate::error::{Error, Kind, Retry};
use crate::event::Reason;
use crate::plan::resource::Resource;
use crate::plan::retry::{self, Next, Patience};
use crate::spec::OnFull;
use crate::transfer::{Halt, Wait};

/// How often the disk is looked at while waiting for room.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// So long a download that is too large for the disk leaves its place to others.
const TOO_LARGE_FOR: Duration = Duration::from_secs(60);

/// How long to wait before a server is asked again for what the disk may still not take.
const PATIENCE: Patience = Patience {
    retries: u32::MAX,
    wait: LOOK_AGAIN,
    wait_max: TOO_LARGE_FOR,
};

const FULL: &str = "waiting for disk space: the disk or a quota is full";

/// What a run has found out about a disk that shows room and takes nothing.
#[derive(Default)]
pub(super) struct Fulls {
    /// How often it was found full, without a byte gained in between that stays.
    in_a_row: u32,
    /// Bytes that were held the last time.
    held: u64,
}

impl Download {
    /// Returns when `needed` bytes can be taken and the least free space is still kept. Whoever waits
    /// for its turn may have the place meanwhile, unless nobody could write anything.
    pub(super) async fn wait_for_room(&mut self, needed: u64) -> Result<(), Halt> {
        let least = self.context.config.min_free_space;
        let is_enough = |free: u64| free >= needed.saturating_add(least);
        let mut free = self.free_space();
        if is_enough(free) {
            return Ok(());
        }
        while !is_enough(free) {
            let why = format!(
                "waiting for disk space: {needed} bytes needed and {least} kept free, {free} are free"
            );
            self.wait_a_little_for_room(why.clone()).await?;
            // It is too large for this disk, others may not be.
            if free >= least && *self.context.place_wanted.borrow() {
                return Err(Halt::Waits(Wait {
                    until: Instant::now() + TOO_LARGE_FOR,
                    failures: self.failures,
                    reason: Reason::disk_space(why),
                    unfit: None,
                }));
            }
            free = self.free_space();
        }
        self.say(None);
        Ok(())
    }

    /// Free bytes where the file goes; as many as one likes where that cannot be told.
    pub(super) fn free_space(&self) -> u64 {
        let free = self.context.disk.free_space(&self.dir());
        free.unwrap_or(u64::MAX)
    }

    /// Waits for room after a transfer that has found none, and says how to go on.
    pub(super) async fn go_on_with_room(
        &mut self,
        scratch: &Arc<dyn Scratch>,
        resource: &Resource,
        fulls: &mut Fulls,
    ) -> Result<After, Halt> {
        let needed = room_to_go_on(&**scratch, resource);
        if resource.ranges {
            let held = self.record.done.len();
            self.wait_longer_for_room(fulls, held).await?;
            self.wait_for_room(needed).await?;
            return Ok(After::GoOn);
        }
        // What cannot be built upon is given back before we wait.
        let _ = scratch.truncate(0);
        loop {
            self.wait_longer_for_room(fulls, 0).await?;
            self.wait_for_room(needed).await?;
            if !is_refused(scratch, move |file| file.reserve(needed)).await {
                return Ok(After::StartOver);
            }
        }
    }

    /// How a small file that has left its place waits for room: among the queued, so that it comes
    /// back by way of a place. It takes up none meanwhile.
    pub(super) fn wait_outside_for_room(&mut self, size: u64) -> Halt {
        self.drop_useless_scratch();
        match self.check_may_wait_for_room(FULL) {
            Err(halt) => halt,
            Ok(()) => Halt::Waits(Wait {
                until: Instant::now() + LOOK_AGAIN,
                failures: self.failures,
                reason: Reason::disk_space(FULL.to_owned()),
                unfit: Some(size),
            }),
        }
    }

    /// Returns when `size` bytes can be written. Whoever waits here keeps its place: the next one would
    /// ask its server for a file that fits as little.
    pub(super) async fn wait_until_it_fits(&mut self, size: u64) -> Result<(), Halt> {
        loop {
            let scratch = self.fresh_scratch(Some(size), || ()).await?;
            self.record.scratch = Some(scratch.path().to_owned());
            if !is_refused(&scratch, move |file| fill(file, size)).await {
                self.say(None);
                return Ok(());
            }
            self.drop_useless_scratch();
            self.wait_a_little_for_room(FULL.to_owned()).await?;
        }
    }

    pub(super) async fn wait_a_little_for_room(&self, why: String) -> Result<(), Halt> {
        self.wait_so_long_for_room(LOOK_AGAIN, why).await
    }

    /// Waits the longer the more often the disk was found full, while no more than before is `held`.
    async fn wait_longer_for_room(&self, fulls: &mut Fulls, held: u64) -> Result<(), Halt> {
        if held > fulls.held {
            fulls.in_a_row = 0;
        }
        fulls.in_a_row += 1;
        fulls.held = held;
        let passing = Retry::Wait { after: None };
        let wait = match retry::next(&PATIENCE, passing, fulls.in_a_row, 1.0) {
            Next::After(wait) => wait,
            Next::GiveUp => PATIENCE.wait_max,
        };
        self.wait_so_long_for_room(wait, FULL.to_owned()).await
    }

    async fn wait_so_long_for_room(&self, wait: Duration, why: String) -> Result<(), Halt> {
        self.check_may_wait_for_room(&why)?;
        self.say(Some(Reason::disk_space(why)));
        self.context.live.update(self.record.id, stands_still);
        self.sleep(wait).await
    }

    fn check_may_wait_for_room(&self, why: &str) -> Result<(), Halt> {
        if self.context.config.on_full == OnFull::Fail {
            let dir = self.dir();
            let detail = format!(
                "no room in {}; make some and repeat the download, it goes on from here ({why})",
                dir.display()
            );
            return Err(Halt::Failed(Error::new(Kind::DiskFull, detail)));
        }
        Ok(())
    }
}

/// Bytes of free room without which going on after a full disk would end just there again.
fn room_to_go_on(scratch: &dyn Scratch, resource: &Resource) -> u64 {
    let occupied = scratch.occupied().unwrap_or(0);
    match resource.size {
        Some(size) if resource.ranges => size.saturating_sub(occupied),
        Some(size) => size,
        // It had grown to this and was not complete; a little more than that may be enough.
        None => occupied.saturating_add(occupied / 8).saturating_add(1),
    }
}

/// Whether the disk has no room for what is tried with this file. Any other trouble is told by whoever
/// meets it next.
async fn is_refused(
    scratch: &Arc<dyn Scratch>,
    trial: impl FnOnce(&dyn Scratch) -> io::Result<()> + Send + 'static,
) -> bool {
    let file = scratch.clone();
    let trying = tokio::task::spawn_blocking(move || {
        let tried = trial(&*file);
        tried.map_err(|cause| Error::disk("make room in", file.path(), &cause))
    });
    let tried = trying.await.unwrap_or(Ok(()));
    tried.is_err_and(|error| error.kind == Kind::DiskFull)
}

/// Puts `size` bytes on the disk: not every file system can promise room, and some look at a quota only
/// when bytes are brought to the medium.
fn fill(scratch: &dyn Scratch, size: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    scratch.write_at(&mut [IoSlice::new(&zeros)], 0)?;
    scratch.sync()
}
