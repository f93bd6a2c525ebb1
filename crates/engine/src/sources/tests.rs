//! What the sources of a download become as they answer, fail and give bytes.

use std::time::Duration;

use super::*;
use crate::plan::resource::Validators;

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

fn spec(count: usize) -> Spec {
    Spec {
        mirrors: (1..count).map(|n| url(&format!("http://m{n}/a"))).collect(),
        ..Spec::new(url("http://home/a"))
    }
}

fn file() -> Arc<Resource> {
    Arc::new(Resource {
        final_url: url("http://home/a"),
        size: Some(100),
        ranges: true,
        validators: Validators::default(),
        content_type: None,
        name: "a".to_owned(),
    })
}

/// So many sources, all of which have the file.
fn proven(count: usize) -> Sources {
    let mut sources = Sources::of(&spec(count), Owner::Nobody);
    sources.leads(0, file());
    (0..count).for_each(|at| sources.proven(at, file()));
    sources
}

fn gone() -> Error {
    Error::new(Kind::NotFound, "not there")
}

fn late() -> Error {
    Error::passing(Kind::Timeout, "too late")
}

#[test]
fn a_url_that_is_named_twice_is_one_source() {
    let twice = Spec {
        mirrors: vec![url("http://home/a"), url("http://m/a"), url("http://m/a")],
        ..spec(1)
    };
    assert_eq!(Sources::of(&twice, Owner::Nobody).len(), 2);
}

#[test]
fn headers_stay_with_the_origin_of_the_first_url() {
    let pair = |name: &str| (name.to_owned(), "x".to_owned());
    let spec = Spec {
        headers: vec![pair("Authorization"), pair("user-agent"), pair("Referer")],
        ..spec(1)
    };
    let names = |of: &str| -> Vec<String> {
        let headers = headers_for(&url(of), &spec);
        headers.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names("http://home/b").len(), 3);
    for elsewhere in ["http://m/a", "https://home/a", "http://home:81/a"] {
        assert_eq!(names(elsewhere), ["user-agent"], "{elsewhere}");
    }
}

#[test]
fn those_that_have_failed_are_asked_last_and_those_of_no_use_never() {
    let (mut sources, now) = (proven(4), Instant::now());
    sources.rests(0, now + Duration::from_secs(9), 1, late());
    sources.rests(1, now, 1, late());
    sources.set_aside(2, gone());
    assert_eq!(sources.in_turn(), [3, 1, 0]);
    assert_eq!(sources.usable(now), [1, 3]);
    assert_eq!(sources.usable(now + Duration::from_secs(9)), [0, 1, 3]);
}

/// A mirror that answers first after a stop would be of no use.
#[test]
fn where_one_gives_the_file_alone_nobody_else_is_asked() {
    let mut sources = proven(3);
    sources.leads(1, file());
    sources.go_alone();
    assert_eq!((sources.in_turn(), sources.witnesses()), (vec![1], vec![1]));
    assert_eq!(sources.usable(Instant::now()), [1]);
    sources.start_over();
    assert_eq!(sources.in_turn(), [0, 1, 2], "whoever answers is the one");
}

/// Each has one more try when the others fail, and then it is over.
#[test]
fn sources_that_fail_in_turn_end_the_transfer_in_the_end() {
    let (mut sources, now) = (proven(2), Instant::now());
    let far = now + Duration::from_secs(60);
    let fails = |sources: &mut Sources, at: usize| {
        // Several threads that were there give up.
        for _ in 0..3 {
            sources.fails(at, (now, far), 8, late());
        }
        sources.is_any_left(at, now)
    };
    assert!(fails(&mut sources, 0));
    assert_eq!(sources.usable(now), [1]);
    assert!(fails(&mut sources, 1), "the first is tried once more");
    assert_eq!(sources.usable(now), [0], "and at once");
    assert!(fails(&mut sources, 0), "so is the second");
    assert!(!fails(&mut sources, 1));
    sources.gave(0, 0..1, now);
    assert!(sources.is_any_left(1, now), "bytes renew the patience");
}

#[test]
fn one_source_alone_has_no_second_last_try() {
    let (mut sources, now) = (proven(1), Instant::now());
    sources.fails(0, (now, now), 8, late());
    assert!(!sources.is_any_left(0, now));
    assert_eq!(sources.verdict(), late(), "and says what it always said");
}

#[test]
fn the_verdict_is_of_the_first_that_another_try_may_mend() {
    let (mut sources, now) = (Sources::of(&spec(3), Owner::Nobody), Instant::now());
    sources.set_aside(0, gone());
    sources.set_aside(1, gone());
    assert_eq!(sources.verdict().kind, Kind::NotFound);
    sources.rests(2, now, 0, late());
    let verdict = sources.verdict();
    assert_eq!((verdict.kind, verdict.retryable()), (Kind::Timeout, true));
    assert!(
        verdict.detail.contains("source http://home/a: not there"),
        "{verdict}"
    );
    assert!(
        verdict.detail.contains("mirror http://m1/a: not there"),
        "{verdict}"
    );
}

#[test]
fn two_ways_to_one_digest_speak_against_the_expected_one() {
    let wrong = Error::new(Kind::ChecksumMismatch, "wrong");
    let (mut sources, now) = (proven(3), Instant::now());
    sources.gave(0, 0..50, now);
    sources.gave(1, 50..100, now);
    assert!(sources.gave_wrong("mixed".into(), &wrong));
    sources.start_over();
    assert!(sources.is_alone());
    sources.gave(0, 0..100, now);
    assert!(sources.gave_wrong("the first's".into(), &wrong));
    sources.start_over();
    assert_eq!(sources.in_turn(), [1, 2], "the first is not asked again");
    sources.gave(1, 0..100, now);
    assert!(!sources.gave_wrong("mixed".into(), &wrong));
}

/// All of it was held already, and there is nobody else.
#[test]
fn a_file_of_one_source_that_is_wrong_is_not_fetched_once_more() {
    let wrong = Error::new(Kind::ChecksumMismatch, "wrong");
    assert!(!proven(1).gave_wrong("a digest".into(), &wrong));
    assert!(proven(2).gave_wrong("a digest".into(), &wrong));
}

#[test]
fn who_differs_from_a_wrong_file_may_have_the_right_one() {
    let wrong = Error::new(Kind::ChecksumMismatch, "wrong");
    let mut sources = proven(2);
    sources.set_aside(1, Error::new(Kind::Changed, "another size"));
    sources.gave(0, 0..100, Instant::now());
    assert!(sources.gave_wrong("a digest".into(), &wrong));
    sources.start_over();
    assert_eq!(sources.in_turn(), [1]);
}

#[test]
fn bytes_of_an_earlier_run_may_be_anybodys() {
    let (mut sources, now) = (proven(2), Instant::now());
    let held: RangeSet = std::iter::once(0..60).collect();
    sources.gave(0, 0..60, now);
    sources.inherit(&held);
    assert!(!sources.are_mixed(), "they came in this run");
    let mut sources = proven(2);
    sources.inherit(&held);
    assert!(sources.are_mixed());
    sources.gave(1, 60..100, now);
    let others = sources.given_by_others_than(1);
    assert_eq!(others, held);
    let mut left = proven(1);
    left.inherit(&held);
    assert!(
        left.are_mixed(),
        "the mirrors are gone, their bytes are not"
    );
}
