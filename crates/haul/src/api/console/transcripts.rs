//! Transcripts of dialogues, replayed against a made-up daemon: `>` is typed, `<` is answered,
//! `!` changes or checks the daemon behind it.

mod fuzz;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use haul_engine::{Error, Id, Kind, Status, View};
use tokio::sync::Notify;
use tokio::time::timeout;
use url::Url;

use super::backend::{Acted, Backend, Checked, List, Verb};
use super::dialogue::Console;
use crate::api::socket::Talk;
use crate::api::types::download::tests::sample;
use crate::api::{Batches, Lang};

/// A daemon whose answers follow from the URL.
#[derive(Default)]
struct World {
    submitted: Mutex<Vec<String>>,
    is_busy: AtomicBool,
    is_running: AtomicBool,
    refuses: AtomicBool,
    checks: AtomicUsize,
    /// Lets every URL with "slow" in it answer.
    slow: Notify,
}

impl World {
    fn views(&self) -> Vec<View> {
        if !self.is_busy.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let view = |name: &str, status| View {
            url: format!("http://host/{name}").into(),
            status,
            path: Some(Path::new("/abs/path/sample-30s.mp4").into()),
            ..sample()
        };
        let unsized_one = View {
            size: None,
            threads_active: 1,
            ..view("unsized", Status::Downloading)
        };
        let failed_one = View {
            error: Some(Arc::new(Error::new(Kind::DiskFull, "the disk is full"))),
            ..view("failed", Status::Failed)
        };
        vec![
            view("queued", Status::Queued),
            view("loading", Status::Downloading),
            view("paused", Status::Paused),
            unsized_one,
            view("done", Status::Completed),
            failed_one,
        ]
    }
}

impl Backend for World {
    type Probed = String;

    async fn check(&self, url: Url) -> Checked<String> {
        self.checks.fetch_add(1, Ordering::Relaxed);
        if url.path().contains("slow") {
            self.slow.notified().await;
        }
        match url.path() {
            "/page" => Checked::NotAFile,
            "/delivered" => Checked::Delivered("/srv/my files/delivered".into()),
            "/underway" => Checked::Underway,
            "/paused" => Checked::Paused(Id(7)),
            "/panic" => panic!("a check that breaks"),
            path if path.starts_with("/ok") || path.starts_with("/slow") => {
                Checked::New(url.into())
            }
            _ => Checked::Dead,
        }
    }

    async fn submit(&self, probed: Vec<String>, paused: Vec<Id>) -> Result<(), Error> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Stopping, "the engine is stopping"));
        }
        let mut submitted = self.submitted.lock().expect("no panic");
        submitted.extend(probed);
        submitted.extend(paused.iter().map(Id::to_string));
        Ok(())
    }

    fn is_batch_running(&self) -> bool {
        self.is_running.load(Ordering::Relaxed)
    }

    fn list(&self, list: List) -> Vec<Arc<View>> {
        let views = self.views().into_iter();
        views
            .filter(|view| list.holds(view.status))
            .map(Arc::new)
            .collect()
    }

    async fn act(&self, verb: Verb, url: Url) -> Acted {
        let found = self
            .views()
            .into_iter()
            .find(|view| *view.url == *url.as_str());
        match found {
            None => Acted::NoSuchUrl,
            Some(view) if verb.applies(view.status) => Acted::Done,
            Some(_) => Acted::NotNow,
        }
    }

    fn ended_since(&self, _: u64) -> (u64, Vec<Arc<View>>) {
        let mut ended = self.list(List::Download);
        ended.extend(
            self.views()
                .into_iter()
                .filter(|view| view.status == Status::Failed)
                .map(Arc::new),
        );
        (1, ended)
    }

    fn revision(&self) -> u64 {
        0
    }
}

fn console(world: &Arc<World>, batches: Batches) -> Console<World> {
    Console::new(world.clone(), Lang::Ru, batches)
}

async fn answer(console: &mut Console<World>, at: &str) -> String {
    timeout(Duration::from_secs(10), console.say())
        .await
        .unwrap_or_else(|_| panic!("{at}: no answer"))
        .to_string()
}

/// Asserts that nothing more is said before the next answer, outside a recording.
async fn nothing_more(console: &mut Console<World>) {
    console.hear("unknown".into());
    let said = answer(console, "the end").await;
    assert!(
        ["Команда не найдена.", "No such command."].contains(&said.as_str()),
        "said more: {said}"
    );
}

async fn replay(name: &str, transcript: &str) {
    let world = Arc::new(World::default());
    let mut talk = console(&world, Batches::Any);
    for (number, line) in (1..).zip(transcript.lines()) {
        let at = format!("{name}:{number}");
        if let Some(typed) = line.strip_prefix('>') {
            talk.hear(typed.to_owned());
        } else if let Some(answered) = line.strip_prefix("< ") {
            assert_eq!(answer(&mut talk, &at).await, answered, "{at}");
        } else if let Some(order) = line.strip_prefix("! ") {
            match order.split_once(' ').unwrap_or((order, "")) {
                ("one", _) => talk = console(&world, Batches::One),
                ("busy", _) => world.is_busy.store(true, Ordering::Relaxed),
                ("running", _) => world.is_running.store(true, Ordering::Relaxed),
                ("finished", _) => world.is_running.store(false, Ordering::Relaxed),
                ("submitted", urls) => {
                    let submitted = world.submitted.lock().expect("no panic").join(" ");
                    assert!(submitted.ends_with(urls), "{at}: {submitted}");
                    let unique: HashSet<&str> = submitted.split(' ').collect();
                    assert_eq!(
                        unique.len(),
                        submitted.split(' ').count(),
                        "{at}: {submitted}"
                    );
                }
                _ => panic!("{at}: unknown order"),
            }
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{at}: {line}");
        }
    }
    nothing_more(&mut talk).await;
}

#[tokio::test]
async fn the_dialogue_is_the_originals_in_russian() {
    replay("russian.txt", include_str!("transcripts/russian.txt")).await;
}

#[tokio::test]
async fn the_dialogue_says_the_same_in_english() {
    replay("english.txt", include_str!("transcripts/english.txt")).await;
}

#[tokio::test]
async fn one_batch_at_a_time_when_so_configured() {
    replay("one_batch.txt", include_str!("transcripts/one_batch.txt")).await;
}

#[tokio::test]
async fn answers_keep_the_order_of_the_lines_though_urls_are_asked_about_at_once() {
    let world = Arc::new(World::default());
    let mut talk = console(&world, Batches::Any);
    for line in [
        "start",
        "http://host/slow",
        "http://host/page",
        "nonsense",
        "http://host/dead",
        "end",
    ] {
        talk.hear(line.into());
    }
    // The slow one holds the others back, but they have been asked about.
    let early = timeout(Duration::from_millis(50), talk.say()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(world.checks.load(Ordering::Relaxed), 3);
    world.slow.notify_one();
    for expected in [
        "Данный url не предназначена для скачивания файла.",
        "url не соответствует формату.",
        "url не действительна.",
        "Отправка urls на обработку.",
    ] {
        assert_eq!(answer(&mut talk, "after the slow one").await, expected);
    }
}

#[tokio::test]
async fn at_most_sixteen_urls_are_asked_about_at_once_and_none_twice() {
    let world = Arc::new(World::default());
    let mut talk = console(&world, Batches::Any);
    let mut lines = vec!["start".to_owned()];
    lines.extend((0..20).map(|number| format!("http://host/slow-{number}")));
    lines.push("http://host/slow-0".to_owned());
    lines.push("end".to_owned());
    // One message may carry many lines.
    talk.hear(lines.join("\r\n"));
    let early = timeout(Duration::from_millis(50), talk.say()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(world.checks.load(Ordering::Relaxed), 16);
    let release = async {
        loop {
            world.slow.notify_waiters();
            tokio::task::yield_now().await;
        }
    };
    let said = tokio::select! {
        said = talk.say() => said,
        () = release => unreachable!("it has no end"),
    };
    assert_eq!(said, "Отправка urls на обработку.");
    assert_eq!(world.checks.load(Ordering::Relaxed), 20);
    assert_eq!(world.submitted.lock().expect("no panic").len(), 20);
}

#[tokio::test]
async fn what_is_recorded_without_end_is_not_submitted() {
    let world = Arc::new(World::default());
    let mut talk = console(&world, Batches::Any);
    for line in ["start", "http://host/ok"] {
        talk.hear(line.into());
    }
    // The client has left: there is nothing to finish.
    let _ = timeout(Duration::from_millis(50), talk.say()).await;
    assert!(talk.is_settled());
    drop(talk);
    assert!(world.submitted.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn an_end_that_was_heard_is_work_to_finish() {
    let world = Arc::new(World::default());
    let mut talk = console(&world, Batches::Any);
    for line in ["start", "http://host/ok", "end"] {
        talk.hear(line.into());
    }
    assert!(!talk.is_settled());
    while !talk.is_settled() {
        talk.say().await;
    }
    assert_eq!(
        *world.submitted.lock().expect("no panic"),
        ["http://host/ok"]
    );
}

#[tokio::test]
async fn a_paused_download_that_is_asked_for_again_goes_on() {
    let world = Arc::new(World::default());
    let mut talk = console(&world, Batches::Any);
    for line in ["start", "http://host/paused", "end"] {
        talk.hear(line.into());
    }
    assert_eq!(
        answer(&mut talk, "end").await,
        "Отправка urls на обработку."
    );
    assert_eq!(
        *world.submitted.lock().expect("no panic"),
        [Id(7).to_string()]
    );
}

#[tokio::test]
async fn what_cannot_be_submitted_says_why() {
    let world = Arc::new(World::default());
    world.refuses.store(true, Ordering::Relaxed);
    let mut talk = console(&world, Batches::Any);
    for line in ["start", "http://host/ok", "end"] {
        talk.hear(line.into());
    }
    assert_eq!(
        answer(&mut talk, "end").await,
        "Не удалось добавить urls: the engine is stopping"
    );
}

#[tokio::test]
async fn watch_shows_what_runs_and_what_finished_until_it_is_off() {
    let world = Arc::new(World::default());
    world.is_busy.store(true, Ordering::Relaxed);
    let mut talk = console(&world, Batches::Any);
    talk.hear("watch".into());
    for expected in [
        "url:http://host/loading,",
        "url:http://host/unsized,",
        "url:http://host/done,",
        "url:http://host/failed, status: Ошибка: the disk is full",
    ] {
        let said = answer(&mut talk, "watch").await;
        assert!(said.starts_with(expected), "{said}");
    }
    talk.hear("watch off".into());
    nothing_more(&mut talk).await;
}
