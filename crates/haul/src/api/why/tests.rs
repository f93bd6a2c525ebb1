//! Which causes are told of which download, and in what order.

use std::sync::Arc;

use haul_engine::Kind;

use super::*;
use crate::api::types::download::tests::sample;

/// The codes of what holds a download back that is like the sample but for `change`.
fn told(change: impl FnOnce(&mut View)) -> Vec<&'static str> {
    told_with(change, |_, _| ())
}

fn told_with(
    change: impl FnOnce(&mut View),
    around: impl FnOnce(&mut Settings, &mut Stats),
) -> Vec<&'static str> {
    let mut view = sample();
    change(&mut view);
    let (mut settings, mut stats) = (Settings::default(), Stats::default());
    around(&mut settings, &mut stats);
    let causes = causes(&view, &settings, &stats);
    causes.iter().map(|cause| cause.code).collect()
}

/// Threads in these states, at these speeds.
fn blocks(threads: &[(ThreadState, u64)]) -> Arc<[BlockView]> {
    let first = sample().blocks[0].clone();
    let block = |(state, speed): &(ThreadState, u64)| BlockView {
        state: *state,
        speed: *speed,
        ..first.clone()
    };
    threads.iter().map(block).collect()
}

#[test]
fn a_download_at_full_speed_is_held_back_by_nothing_here() {
    assert_eq!(told(|_| ()), ["line"]);
}

#[test]
fn what_does_not_download_says_what_it_waits_for() {
    for (status, code) in [
        (Status::Queued, "queued"),
        (Status::Probing, "no_answer_yet"),
        (Status::Paused, "paused"),
        (Status::Verifying, "verifying"),
        (Status::Delivering, "delivering"),
        (Status::Completed, "completed"),
        (Status::Failed, "failed"),
        (Status::Cancelled, "cancelled"),
    ] {
        assert_eq!(told(|view| view.status = status), [code]);
    }
    let waits = |view: &mut View| {
        view.status = Status::Queued;
        view.reason = Some("server asked to wait 30 s".into());
    };
    assert_eq!(told(waits), ["waits"]);
}

#[test]
fn a_failure_says_what_failed() {
    let mut view = sample();
    view.status = Status::Failed;
    let error = haul_engine::Error::new(Kind::NotFound, "404 Not Found");
    view.error = Some(Arc::new(error));
    let causes = causes(&view, &Settings::default(), &Stats::default());
    assert_eq!(causes[0].detail, "it failed: 404 Not Found");
}

#[test]
fn a_limit_is_named_only_when_it_is_used_up() {
    assert_eq!(told(|view| view.speed_limit = 1_100_000), ["own_limit"]);
    assert_eq!(told(|view| view.speed_limit = 4 << 20), ["line"]);
    let crawling = |view: &mut View| (view.speed, view.speed_limit) = (0, 5);
    assert!(
        !told(crawling).contains(&"own_limit"),
        "nothing of it is used"
    );
    let overall = |settings: &mut Settings, stats: &mut Stats| {
        settings.speed_limit = 2 << 20;
        stats.speed = 2 << 20;
    };
    assert_eq!(told_with(|_| (), overall), ["overall_limit"]);
}

#[test]
fn what_the_threads_do_is_told_the_weightiest_first() {
    use ThreadState::{Connecting, Retrying, Streaming, Waiting};
    let seen = told(|view| {
        view.ranges = Some(false);
        view.blocks = blocks(&[(Retrying, 0), (Waiting, 0), (Connecting, 0), (Streaming, 9)]);
        view.wasted = view.done;
    });
    let all = [
        "one_stream",
        "retrying",
        "no_connection",
        "connecting",
        "wasted",
    ];
    assert_eq!(seen, all);
}

#[test]
fn connections_of_like_speed_are_not_called_uneven() {
    use ThreadState::Streaming;
    let like = |view: &mut View| view.blocks = blocks(&[(Streaming, 300), (Streaming, 1000)]);
    assert_eq!(told(like), ["line"]);
    let unlike = |view: &mut View| view.blocks = blocks(&[(Streaming, 200), (Streaming, 1000)]);
    assert_eq!(told(unlike), ["uneven"]);
}

#[test]
fn the_queue_says_how_many_are_before_it() {
    let mut view = sample();
    view.status = Status::Queued;
    view.position = Some(3);
    let stats = Stats {
        active: 5,
        ..Stats::default()
    };
    let causes = causes(&view, &Settings::default(), &stats);
    assert!(causes[0].detail.contains("5 of 5"), "{causes:?}");
    assert!(causes[0].detail.contains("3 downloads"), "{causes:?}");
}
