//! aria2's global options: those that are our run-time settings, and those that hold for downloads added
//! here later. The latter last as long as the process, as they do in aria2.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use haul_engine::Spec;
use serde_json::{Value, json};

use super::envelope::Failure;
use super::options::{Pair, Refused};
use super::{add, one, session};
use crate::api::App;
use crate::api::command::{self, Command, SettingsChange};
use crate::config;

/// What has been given.
#[derive(Default)]
pub(super) struct Globals(Mutex<Vec<Pair>>);

/// Downloads at once that a user may want.
const MOST_DOWNLOADS: usize = 10_000;

impl Globals {
    /// A leaf lock: nothing else is locked or awaited while it is held.
    fn lock(&self) -> MutexGuard<'_, Vec<Pair>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The options of a new download for which these are given.
    pub(super) fn under(&self, given: &[Pair]) -> Vec<Pair> {
        let mut held = self.lock().clone();
        held.retain(|(name, _)| name != session::OPTION);
        over(&held, given)
    }

    /// One of them.
    pub(super) fn get(&self, wanted: &str) -> Option<String> {
        let held = self.lock();
        let mut found = held.iter();
        let found = found.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    }

    /// `aria2.getGlobalOption`.
    pub(super) async fn told(&self, app: &App) -> Result<Value, Failure> {
        let settings = app.engine.settings().await?;
        let mut told = one::unsaid(app, &settings);
        let mut tell = |name: &str, value: String| told.insert(name.to_owned(), json!(value));
        tell(
            "max-concurrent-downloads",
            settings.max_downloads.to_string(),
        );
        tell(
            "max-overall-download-limit",
            settings.speed_limit.to_string(),
        );
        // Not held while it is shown, which takes as long as it is.
        let held = self.lock().clone();
        one::put(&mut told, held);
        Ok(Value::Object(told))
    }

    /// `aria2.changeGlobalOption`: all of them, or none when one is bad.
    pub(super) async fn change(&self, app: &App, given: Vec<Pair>) -> Result<Value, Failure> {
        let mut settings = SettingsChange::default();
        let mut kept = Vec::new();
        for (name, value) in given {
            match name.as_str() {
                // What holds for one download only, and what is nobody's business.
                "gid" | "pause" | "out" | "checksum" | "rpc-secret" => {}
                "max-concurrent-downloads" => settings.max_downloads = Some(count(&name, &value)?),
                "max-overall-download-limit" => settings.speed_limit = Some(size(&name, &value)?),
                session::OPTION => {
                    let path =
                        session::place(&value, &app.options.root, &app.options.state).await?;
                    kept.push((name, path.to_string_lossy().into_owned()));
                }
                _ => kept.push((name, value)),
            }
        }
        self.keep(&kept, &app.options.root)?;
        if settings != SettingsChange::default() {
            command::apply(Command::SetSettings(settings), &app.engine).await?;
        }
        Ok(json!("OK"))
    }

    /// Takes over what a download could be given. Bad values are refused now, and not when one is added.
    fn keep(&self, new: &[Pair], root: &Path) -> Result<(), Failure> {
        let nowhere = Spec::parse_url("http://unset.invalid/").map_err(Failure::from)?;
        let mut held = self.lock();
        let all = over(&held, new);
        add::take(&mut Spec::new(nowhere), &all, root)?;
        *held = all;
        Ok(())
    }
}

/// `held`, but for what is `given` anew, and that.
fn over(held: &[Pair], given: &[Pair]) -> Vec<Pair> {
    let names: HashSet<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    let unsaid = held
        .iter()
        .filter(|(name, _)| !names.contains(name.as_str()));
    unsaid.chain(given).cloned().collect()
}

fn count(name: &str, value: &str) -> Result<usize, Failure> {
    let number = value.parse().ok();
    let number = number.filter(|number| (1..=MOST_DOWNLOADS).contains(number));
    number.ok_or_else(|| problem(name, value, format!("allowed: 1–{MOST_DOWNLOADS}")))
}

fn size(name: &str, value: &str) -> Result<u64, Failure> {
    config::parse_size(value).map_err(|why| problem(name, value, why))
}

fn problem(name: &str, value: &str, why: String) -> Failure {
    add::problem(Refused {
        name: name.to_owned(),
        value: value.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_have_a_bound() {
        let globals = Globals::default();
        let keep = |name: &str, bytes: usize| {
            globals.keep(&[(name.to_owned(), "x".repeat(bytes))], Path::new("/srv"))
        };
        for name in ["a", "b", "c"] {
            keep(name, 20 << 10).expect("room for it");
        }
        keep("d", 20 << 10).expect_err("no more room");
        assert_eq!(globals.get("d"), None);
        keep("c", 10 << 10).expect("less than before");
        assert_eq!(globals.get("c").map(|value| value.len()), Some(10 << 10));
    }

    #[test]
    fn what_a_download_says_goes_before_what_holds_for_all() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let globals = Globals(Mutex::new(vec![
            pair("split", "4"),
            pair("header", "A: b"),
            pair("header", "C: d"),
            pair(session::OPTION, "/srv/files/session"),
        ]));
        assert_eq!(
            globals.under(&[pair("split", "2")]),
            [
                pair("header", "A: b"),
                pair("header", "C: d"),
                pair("split", "2")
            ]
        );
        assert_eq!(
            globals.under(&[pair("header", "E: f")]),
            [pair("split", "4"), pair("header", "E: f")]
        );
    }
}
