//! Progress bars on a terminal: one for each active download, one for all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use haul_engine::{Id, Status, View};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::paint::{Paint, plain};
use crate::human;

/// Most bars beside the total; more active downloads than that are summed up only.
const MOST_BARS: usize = 12;

/// A bar for each active download and one for all.
pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    single: HashMap<Id, ProgressBar>,
    sized: ProgressStyle,
    unsized_: ProgressStyle,
}

impl Bars {
    pub(super) fn new() -> Bars {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::no_length());
        total.set_style(style("{wide_msg}"));
        let (bar, tail) = match Paint::stderr() {
            Paint::Coloured => ("{bar:24.cyan/dim}", "{msg:.dim}"),
            Paint::Plain => ("{bar:24}", "{msg}"),
        };
        Bars {
            all,
            total,
            single: HashMap::new(),
            sized: style(&format!("{{prefix:28!}} {bar} {{percent:>3}}% {tail}")),
            unsized_: style(&format!("{{prefix:28!}} {tail}")),
        }
    }

    /// Draws an unfinished download.
    pub(super) fn show(&mut self, view: &View) {
        if !view.status.is_active() {
            // It went back into the queue: another one may have its place.
            self.end(view.id);
            return;
        }
        let room = self.single.len() < MOST_BARS;
        let bar = match self.single.entry(view.id) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(free) if room => free.insert(
                self.all
                    .insert_before(&self.total, ProgressBar::no_length()),
            ),
            Entry::Vacant(_) => return,
        };
        bar.set_prefix(plain(&view.name));
        match view.size {
            Some(size) => {
                bar.set_style(self.sized.clone());
                bar.set_length(size);
                bar.set_position(view.done);
            }
            None => bar.set_style(self.unsized_.clone()),
        }
        bar.set_message(told(view));
    }

    /// Takes the bar of a download away.
    pub(super) fn end(&mut self, id: Id) {
        if let Some(bar) = self.single.remove(&id) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    /// Says how far all of it is.
    pub(super) fn total(&self, told: String) {
        self.total.set_message(told);
    }

    /// What the bars are drawn on; whoever else writes there has to suspend them.
    pub(super) fn screen(&self) -> &MultiProgress {
        &self.all
    }
}

/// What stands behind a bar.
fn told(view: &View) -> String {
    if let Some(reason) = view.reason.as_deref() {
        return plain(reason);
    }
    if view.status != Status::Downloading {
        return view.status.name().to_owned();
    }
    let held = match view.size {
        Some(size) => human::size(size),
        None => human::size(view.done),
    };
    let mut told = format!("{held}, {}", human::speed(view.speed));
    if let Some(eta) = view.eta {
        told.push_str(&format!(", {} left", human::time(eta)));
    }
    told.push_str(&format!(
        ", {}",
        human::count(u64::from(view.threads_active), "thread")
    ));
    told
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed() {
        for bar in ["{bar:24.cyan/dim}", "{bar:24}"] {
            style(&format!(
                "{{prefix:28!}} {bar} {{percent:>3}}% {{msg:.dim}}"
            ));
        }
        style("{wide_msg}");
    }
}
