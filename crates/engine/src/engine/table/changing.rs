//! What may change while the engine runs: what is asked of one download, and the caps of all. The
//! table owns what is asked for; whoever runs a download is told, and records the rest.

use super::commands::illegal;
use super::{Entry, Reply, Table, answer};
use crate::crash::{Point, point};
use crate::download::Finish;
use crate::engine::change::{Edit, Reach, edited};
use crate::engine::show;
use crate::error::Result;
use crate::plan::state::Status;
use crate::spec::{Id, Settings, SettingsChange, Spec};
use crate::store::Record;

/// Why a download that has begun takes no other directory.
const DIR_STAYS: &str = "its directory stays as it has begun";

impl Table {
    /// Edits what is asked for: at once, or when a download that cannot follow has stopped for it.
    pub(super) fn edit(&mut self, id: Id, edit: Edit, reply: Reply) {
        let Some(Entry::Running(running)) = self.entries.get_mut(&id) else {
            return self.edit_resting(id, &edit, reply);
        };
        if running.is_stopping() {
            // Behind those that came before, which it may build upon.
            running.edits.push((edit, reply));
            return;
        }
        let before = &running.record.spec;
        let (spec, reach) = match edited(before, &edit) {
            Ok(after) => after,
            Err(error) => return answer(reply, Err(error)),
        };
        let status = self.context.live.get(id).map(|view| view.status);
        // What is refused must not cost a stop: without ranges that would be every byte.
        if spec.dir != before.dir && status != Some(Status::Probing) {
            return answer(reply, Err(illegal(id, DIR_STAYS, "changed")));
        }
        match reach {
            Reach::Followed => self.respec(id, spec, reply),
            Reach::Anew => {
                running.stop.cancel();
                running.edits.push((edit, reply));
            }
        }
    }

    /// Gives a running download a spec that it can follow, which stays if it is cut short.
    fn respec(&mut self, id: Id, spec: Spec, reply: Reply) {
        let tuning = self.tuning(&spec);
        let Some(Entry::Running(running)) = self.entries.get_mut(&id) else {
            return answer(reply, Err(self.absent(id, "changed")));
        };
        if let Err(why) = running.wanted.replace(Finish::of(&spec)) {
            return answer(reply, Err(illegal(id, why, "changed")));
        }
        running.rate.set_rate(spec.speed_limit);
        let is_renamed = running.record.spec.name != spec.name;
        let is_rechecked = running.record.spec.checksum != spec.checksum;
        running.record.spec = spec.clone();
        let digest = is_rechecked.then(|| show::digest(&running.record));
        let view = self.context.live.update(id, |view| {
            view.speed_limit = spec.speed_limit;
            view.priority = spec.priority;
            view.threads_limit = tuning.threads;
            view.block_size = tuning.block_size;
            if let Some(digest) = digest {
                view.checksum = digest;
            }
            if let Some(name) = spec.name.as_deref().filter(|_| is_renamed) {
                let path = view.path.as_deref();
                view.path = path.map(|path| path.with_file_name(name).into());
                view.name = name.into();
            }
        });
        running.tuning.send_replace(tuning);
        let view = view.map_or_else(|| self.present(id), Ok);
        let saved = self.context.store.respec(id, spec);
        self.when_durable(saved, |saved| {
            point(Point::Edited);
            answer(reply, saved.and(view));
        });
    }

    fn edit_resting(&mut self, id: Id, edit: &Edit, reply: Reply) {
        let Some((mut record, found)) = self.lift(id) else {
            return answer(reply, Err(self.absent(id, "changed")));
        };
        match Table::edit_record(&mut record, edit) {
            Err(error) => {
                self.rest(record, found);
                answer(reply, Err(error));
            }
            Ok(reach) => {
                if reach == Reach::Anew {
                    // Whatever it waits for, it was told in answer to something else.
                    self.waiting.remove(id);
                }
                let found = found.filter(|_| reach == Reach::Followed);
                self.put_back(record, found, |view| {
                    point(Point::Edited);
                    answer(reply, view);
                });
            }
        }
    }

    /// Edits what is asked for in the record of a download that does not run. Nothing has changed when
    /// that is refused.
    pub(super) fn edit_record(record: &mut Record, edit: &Edit) -> Result<Reach> {
        let (spec, reach) = edited(&record.spec, edit)?;
        // The scratch file lies where the finished one can be put by a mere rename.
        if record.scratch.is_some() && record.spec.dir != spec.dir {
            return Err(illegal(record.id, DIR_STAYS, "changed"));
        }
        if record.spec.url != spec.url {
            let holds_bytes = !record.done.is_empty();
            match &mut record.resource {
                // It speaks of a mirror, which is where it was.
                Some(_) if holds_bytes && record.mirror.is_some() => {}
                Some(resource) if holds_bytes => resource.final_url = spec.url.clone(),
                // Nothing has come of what was found at the old one.
                resource => *resource = None,
            }
            record.url_replaced = holds_bytes;
        }
        if record.spec.checksum != spec.checksum {
            // It is a digest of another kind, or of a file that was wrong.
            record.digest = None;
        }
        record.spec = spec;
        Ok(reach)
    }

    pub(super) fn change_settings(&mut self, change: &SettingsChange, reply: Reply<Settings>) {
        let settings = change.over(&self.settings);
        self.context.limits.set(&settings);
        let each = |settings: &Settings| (settings.threads, settings.block_size);
        let is_for_each = each(&settings) != each(&self.settings);
        self.settings = settings.clone();
        if !is_for_each {
            // The other caps are shared: no download shows them, and there may be very many.
            return answer(reply, settings);
        }
        let ids: Vec<Id> = self.entries.keys().copied().collect();
        for id in ids {
            let Some(entry) = self.entries.get(&id) else {
                continue;
            };
            let spec = match entry {
                Entry::Running(running) => &running.record.spec,
                Entry::Resting { record, .. } => record.options(),
            };
            let tuning = self.tuning(spec);
            self.context.live.update(id, |view| {
                view.threads_limit = tuning.threads;
                view.block_size = tuning.block_size;
            });
            if let Entry::Running(running) = entry {
                running.tuning.send_replace(tuning);
            }
        }
        answer(reply, settings);
    }
}
