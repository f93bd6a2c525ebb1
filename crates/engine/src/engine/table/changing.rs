//! What may change while the engine runs: what is asked of one download, and the caps of all. The
//! table owns what is asked for; whoever runs a download is told, and records the rest.

use futures_util::FutureExt;
use url::Url;

use super::commands::unknown;
use super::{After, Entry, Reply, Running, Table, Wish, answer};
use crate::engine::{Change, show};
use crate::error::{Error, Kind};
use crate::plan::name;
use crate::spec::{Id, Settings, SettingsChange, Spec};
use crate::store::Record;

impl Table {
    pub(super) fn change(&mut self, id: Id, change: Change, reply: Reply) {
        if change
            .name
            .as_deref()
            .is_some_and(|wanted| name::safe(wanted).as_deref() != Some(wanted))
        {
            let error = Error::new(
                Kind::InvalidOption,
                "the name cannot be a file's name here; leave out separators",
            );
            return answer(reply, Err(error));
        }
        match self.entries.get(&id) {
            Some(Entry::Running(_)) if change.url.is_some() => {
                self.wish(id, Wish::Replace(change), reply);
            }
            Some(Entry::Running(_)) => self.change_running(id, &change, reply),
            _ => self.change_resting(id, change, reply),
        }
    }

    /// Everything but the URL changes while a download runs, and stays if it is cut short.
    fn change_running(&mut self, id: Id, change: &Change, reply: Reply) {
        let Some(Entry::Running(running)) = self.entries.get_mut(&id) else {
            return answer(reply, Err(unknown(id)));
        };
        apply(change, &mut running.record.spec);
        let spec = running.record.spec.clone();
        let tuning = self.tuning(&spec);
        if let Some(Entry::Running(Running {
            rate, tuning: told, ..
        })) = self.entries.get(&id)
        {
            rate.set_rate(spec.speed_limit);
            told.send_replace(tuning);
        }
        let threads = spec.threads.unwrap_or(self.settings.threads);
        let view = self.context.live.update(id, |view| {
            view.speed_limit = spec.speed_limit;
            view.priority = spec.priority;
            view.threads_limit = threads;
            if change.mirrors.is_some() {
                view.mirrors = show::mirrors(&spec);
            }
            if let Some(name) = &change.name {
                view.path = view
                    .path
                    .as_deref()
                    .map(|path| path.with_file_name(name).into());
                view.name = name.as_str().into();
            }
        });
        let saved = self.context.store.respec(id, spec);
        let saving = async move {
            let shown = view.ok_or_else(|| unknown(id));
            answer(reply, saved.await.and(shown));
            After::Nothing
        };
        self.saving.push(saving.boxed());
    }

    pub(super) fn change_resting(&mut self, id: Id, change: Change, reply: Reply) {
        let Some((mut record, mut found)) = self.take(id) else {
            return answer(reply, Err(self.absent(id, "changed")));
        };
        apply(&change, &mut record.spec);
        if let Some(url) = change.url {
            // What a probe has found, it has found at the old one.
            found = None;
            replace(url, &mut record);
        }
        self.update(record, found, reply);
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

/// Takes over everything but the URL.
fn apply(change: &Change, spec: &mut Spec) {
    spec.speed_limit = change.speed_limit.unwrap_or(spec.speed_limit);
    spec.threads = change.threads.or(spec.threads);
    spec.priority = change.priority.unwrap_or(spec.priority);
    spec.name = change.name.clone().or(spec.name.take());
    if let Some(mirrors) = &change.mirrors {
        spec.mirrors.clone_from(mirrors);
    }
    if let Some(notes) = &change.notes {
        spec.notes.clone_from(notes);
    }
}

/// Has a download that rests fetched from another URL.
pub(super) fn replace(url: Url, record: &mut Record) {
    if url.origin() != record.spec.url.origin() {
        // They may be credentials, and those stay with their origin.
        record.spec.headers.clear();
    }
    let holds_bytes = !record.done.is_empty();
    match &mut record.resource {
        Some(resource) if holds_bytes => resource.final_url = url.clone(),
        // Nothing has come of what was found at the old one.
        resource => *resource = None,
    }
    record.url_replaced = holds_bytes;
    record.spec.url = url;
}
