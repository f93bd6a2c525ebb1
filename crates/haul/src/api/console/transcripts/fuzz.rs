//! Fuzz target: whatever is typed, the console answers with its own sentences, and goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use haul_testkit::fuzz::text;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::{Console, World, console};
use crate::api::Batches;
use crate::api::socket::Talk;

const LINES: &[&str] = &[
    "start",
    "start\n<w>\nend\n",
    "end",
    "help",
    "help_command",
    "queue",
    "loading",
    "download",
    "watch",
    "watch off",
    "watch <w>",
    "lang en",
    "lang ru",
    "lang <w>",
    "pause http://host/loading",
    "resume http://host/paused",
    "cancel <w>",
    "http://host/ok<n>",
    "http://host/page",
    "http://host/delivered",
    "http://host/paused#<w>",
    "https://<w>/<w>",
    "{ $file }",
    " <w> ",
    "\n<w>",
    "<n>",
];

/// The sentences of both languages: their fixed parts, with a value between each two.
fn sentences() -> Vec<Vec<&'static str>> {
    let texts = [
        include_str!("../../../text/ru.ftl"),
        include_str!("../../../text/en.ftl"),
    ];
    let lines = texts.into_iter().flat_map(str::lines);
    lines
        .filter_map(|line| line.strip_prefix("console-")?.split_once(" = "))
        .map(|(_, sentence)| {
            sentence
                .split(" }")
                .map(|part| part.split("{ $").next().unwrap_or_default())
                .collect()
        })
        .collect()
}

/// Whether `said` is this sentence with some values.
fn says(said: &str, parts: &[&str]) -> bool {
    let [first, between @ .., last] = parts else {
        return parts.first() == Some(&said);
    };
    let Some(mut rest) = said.strip_prefix(first) else {
        return false;
    };
    for part in between {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

/// Everything that is said until nothing more comes. Time is virtual: waiting costs none.
async fn all_said(talk: &mut Console<World>) -> Vec<String> {
    let mut said = Vec::new();
    while let Ok(line) = timeout(Duration::from_millis(500), talk.say()).await {
        said.push(line.to_string());
    }
    said
}

#[test]
fn console_lines() {
    let known = |said: &str| sentences().iter().any(|parts| says(said, parts));
    assert!(known("url:http://h/a, status: В очереди") && known("No such command."));
    assert!(!known("no such command") && !known("url:http://h/a") && !known(""));
    bolero::check!()
        .with_generator((text(LINES), bolero::produce::<(bool, bool)>()))
        .for_each(|(typed, (is_busy, is_running))| {
            let mut builder = Builder::new_current_thread();
            let runtime = builder.enable_time().start_paused(true).build();
            runtime.expect("a runtime").block_on(async {
                let world = Arc::new(World::default());
                world.is_busy.store(*is_busy, Ordering::Relaxed);
                world.is_running.store(*is_running, Ordering::Relaxed);
                let mut talk = console(&world, Batches::One);
                talk.hear(typed.clone());
                let mut said = all_said(&mut talk).await;
                // Whatever was begun, this ends it.
                for line in ["end", "watch off", "lang ru", "no such command"] {
                    talk.hear(line.to_owned());
                }
                said.extend(all_said(&mut talk).await);
                assert_eq!(said.last().map(String::as_str), Some("Команда не найдена."));
                assert!(talk.is_settled());
                let sentences = sentences();
                for line in &said {
                    assert!(!line.contains(['\n', '\r']), "{line:?}");
                    let is_known = sentences.iter().any(|parts| says(line, parts));
                    assert!(is_known, "{line:?}");
                }
            });
        });
}
