//! A small file that has come whole with the first answer: written and delivered in a group with others.
//! Until it has its final name nothing of it is recorded but where it goes; a crash
//! before that fetches it again.

use std::sync::Arc;

use super::{AtHand, Download, Settled, Try};
use crate::crash::{Point, point};
use crate::disk::Scratch;
use crate::error::{Error, Kind};
use crate::group::{Ended, Whole};
use crate::opened::{Held, Opened, Opening};
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::plan::state::Input;
use crate::spec::Spec;
use crate::transfer::Halt;

impl Download {
    /// The scratch file, and what is written to it in one go if all of it is here.
    pub(super) async fn begin(
        &mut self,
        resource: &Resource,
        opened: Option<Opened>,
    ) -> Result<(Arc<dyn Scratch>, AtHand), Halt> {
        let is_limited = self.rates.piece().is_some();
        // What goes into a group is on its way to its final name.
        let before = self.settle(Settled::All);
        let bytes = match opened {
            Some(Opened {
                bytes: Opening::Held(held),
                ..
            }) if !is_limited
                && self.context.groups.has_room()
                && is_for_a_group(&self.record.spec, resource.size, held.len()) =>
            {
                held
            }
            opened => {
                self.settle(before);
                let scratch = self.fresh_scratch(resource.size).await?;
                return Ok((scratch, AtHand::Part(opened)));
            }
        };
        if let Some(scratch) = self.small_scratch()? {
            return Ok((scratch, AtHand::Whole(bytes)));
        }
        self.settle(before);
        let len = Some(bytes.len());
        let bytes = Opening::Held(bytes);
        let scratch = self.fresh_scratch(resource.size).await?;
        Ok((scratch, AtHand::Part(Some(Opened { bytes, len }))))
    }

    /// An empty file; `None` when it takes more than a try to make it.
    fn small_scratch(&self) -> Result<Option<Arc<dyn Scratch>>, Halt> {
        self.check_dir()?;
        let scratches = self.scratch_dir();
        let path = scratches.place(self.record.id, &self.dir());
        let noted = scratches.note(self.record.id, &path);
        let made = noted.and_then(|()| self.context.disk.create(&path));
        point(Point::Reserved);
        Ok(made.ok())
    }

    /// From the bytes in memory to the final name.
    pub(super) async fn take_whole(
        &mut self,
        scratch: &Arc<dyn Scratch>,
        resource: &Resource,
        bytes: Held,
    ) -> Result<Try, Halt> {
        let size = bytes.len();
        self.record.done = std::iter::once(0..size).collect();
        self.enter_all(&[Input::Filled, Input::Verified]);
        self.is_recorded = true;
        let whole = Whole {
            record: Box::new(self.record.clone()),
            scratch: scratch.clone(),
            dir: self.dir(),
            name: self.wanted_name(resource),
        };
        let ended = match self.context.groups.deliver(whole, bytes).await {
            Ended::Completed(record) => {
                self.become_completed(*record);
                Ok(())
            }
            Ended::Unwritten(error) => {
                self.record.done = RangeSet::new();
                self.enter_all(&[Input::Restart, Input::Probed]);
                Err(halted(error))
            }
            Ended::Unsynced(error) => {
                self.record.done = RangeSet::new();
                Err(Self::explain(halted(error), &**scratch))
            }
            Ended::Synced(record) => {
                self.record = *record;
                self.knows_resource = true;
                self.deliver_alone(scratch, resource).await
            }
        };
        match ended {
            // Inside the group it took no place, and others have taken it.
            Err(Halt::NoRoom) => Err(self.wait_outside_for_room(size)),
            Err(halt @ Halt::Lost(_)) => Ok(Try::Halted(halt)),
            ended => ended.map(|()| Try::Delivered),
        }
    }

    /// The group has left it behind, before or after its rename.
    async fn deliver_alone(
        &mut self,
        scratch: &Arc<dyn Scratch>,
        resource: &Resource,
    ) -> Result<(), Halt> {
        if self.was_delivered() {
            self.sync_target().await?;
            return self.complete().await;
        }
        self.deliver(scratch.clone(), resource).await
    }
}

/// Whether a file of which `held` bytes came with the first answer is written in one go and delivered
/// in a group. A digest takes time of its own, which others should not wait for.
fn is_for_a_group(spec: &Spec, size: Option<u64>, held: u64) -> bool {
    size == Some(held) && held > 0 && spec.checksum.is_none()
}

fn halted(error: Error) -> Halt {
    match error.kind {
        Kind::DiskFull => Halt::NoRoom,
        _ => Halt::Failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_is_all_here_and_asks_for_no_digest_goes_into_a_group() {
        let url = Spec::parse_url("http://h/a").expect("a URL");
        let plain = Spec::new(url);
        assert!(is_for_a_group(&plain, Some(10), 10));
        assert!(!is_for_a_group(&plain, Some(11), 10), "a part is here");
        assert!(!is_for_a_group(&plain, None, 10), "more may come");
        let checked = Spec {
            checksum: Some(crate::spec::Checksum {
                algorithm: crate::spec::Algorithm::Md5,
                expected: "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
            }),
            ..plain
        };
        assert!(!is_for_a_group(&checked, Some(10), 10));
    }
}
