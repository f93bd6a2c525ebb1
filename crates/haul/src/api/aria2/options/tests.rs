//! What each of aria2's options does to a download, and what is told of it.

use std::path::Path;

use super::*;

fn plain() -> Spec {
    Spec::new(Spec::parse_url("http://host/a").expect("a URL"))
}

fn pairs(options: &[(&str, &str)]) -> Vec<Pair> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    options.iter().map(owned).collect()
}

/// The options taken over and remembered.
fn taken(spec: &mut Spec, options: &[(&str, &str)]) {
    let left = apply(spec, &pairs(options)).expect("good options");
    remember(spec, left);
}

fn with(options: &[(&str, &str)]) -> Spec {
    let mut spec = plain();
    taken(&mut spec, options);
    spec
}

fn told(spec: &Spec, wanted: &str) -> Vec<String> {
    let of = of(spec).into_iter();
    let of = of.filter(|(name, _)| name == wanted);
    of.map(|(_, value)| value).collect()
}

#[test]
fn threads_are_the_least_of_all_and_of_each_url_s() {
    assert_eq!(with(&[("split", "5")]).threads, Some(5));
    assert_eq!(with(&[("max-connection-per-server", "4")]).threads, Some(4));
    let both = [("split", "16"), ("max-connection-per-server", "4")];
    assert_eq!(with(&both).threads, Some(4));
    let mut mirrored = plain();
    mirrored.mirrors = vec![mirrored.url.clone()];
    taken(&mut mirrored, &both);
    assert_eq!(mirrored.threads, Some(8));
    // The one that was given before still counts.
    taken(&mut mirrored, &[("split", "3")]);
    assert_eq!(mirrored.threads, Some(3));
    assert_eq!(told(&mirrored, "max-connection-per-server"), ["4"]);
}

#[test]
fn threads_that_were_changed_from_elsewhere_are_told_as_they_are() {
    let mut spec = with(&[("split", "16"), ("max-connection-per-server", "4")]);
    assert_eq!(told(&spec, "split"), ["16"]);
    spec.threads = Some(7);
    assert_eq!(told(&spec, "split"), ["7"]);
    assert_eq!(told(&spec, "max-connection-per-server"), ["7"]);
}

#[test]
fn headers_have_several_sources_and_a_line_in_full_goes_first() {
    let spec = with(&[
        ("user-agent", "agent/1"),
        ("referer", "*"),
        ("header", "Cookie: a=b"),
        ("header", "user-agent: line/1"),
        ("http-user", "me"),
        ("http-passwd", "pass:word"),
    ]);
    let header = |name: &str| {
        let mut found = spec.headers.iter();
        let found = found.find(|(held, _)| held.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header("cookie"), Some("a=b"));
    assert_eq!(header("user-agent"), Some("line/1"));
    assert_eq!(header("referer"), Some("http://host/a"));
    assert_eq!(header("authorization"), Some("Basic bWU6cGFzczp3b3Jk"));
    assert_eq!(spec.headers.len(), 4);
    assert_eq!(told(&spec, "header"), ["Cookie: a=b"]);
    assert_eq!(told(&spec, "http-passwd"), ["pass:word"]);
}

#[test]
fn headers_given_anew_replace_those_before_and_nothing_takes_them_away() {
    let mut spec = with(&[("header", "A: b"), ("header", "C: d"), ("user-agent", "x")]);
    taken(&mut spec, &[("header", "E: f")]);
    assert_eq!(told(&spec, "header"), ["E: f"]);
    assert_eq!(told(&spec, "user-agent"), ["x"]);
    taken(&mut spec, &[("user-agent", "y")]);
    assert_eq!(told(&spec, "user-agent"), ["y"]);
    taken(&mut spec, &[("header", ""), ("user-agent", "")]);
    assert!(spec.headers.is_empty(), "{:?}", spec.headers);
    taken(&mut spec, &[("http-user", "me")]);
    taken(&mut spec, &[("http-passwd", "secret")]);
    assert_eq!(spec.headers[0].1, "Basic bWU6c2VjcmV0");
    taken(&mut spec, &[("http-user", "")]);
    assert!(spec.headers.is_empty(), "{:?}", spec.headers);
}

/// Browser extensions hand over all that their browser has sent.
#[test]
fn headers_that_haul_sets_itself_are_told_again_and_not_sent() {
    let spec = with(&[
        ("header", "Range: bytes=0-1"),
        ("header", "accept-encoding: br"),
        ("header", "Accept: */*"),
    ]);
    assert_eq!(spec.headers, pairs(&[("Accept", "*/*")]));
    assert_eq!(
        told(&spec, "header"),
        ["Accept: */*", "Range: bytes=0-1", "accept-encoding: br"]
    );
}

#[test]
fn a_taken_name_is_what_two_switches_say() {
    for (options, expected) in [
        (vec![], OnConflict::Rename),
        (vec![("allow-overwrite", "false")], OnConflict::Rename),
        (vec![("allow-overwrite", "true")], OnConflict::Overwrite),
        (vec![("auto-file-renaming", "false")], OnConflict::Fail),
        (
            vec![("auto-file-renaming", "false"), ("allow-overwrite", "true")],
            OnConflict::Overwrite,
        ),
        (
            vec![("allow-overwrite", "true"), ("auto-file-renaming", "false")],
            OnConflict::Overwrite,
        ),
    ] {
        assert_eq!(with(&options).on_conflict, expected, "{options:?}");
    }
    let mut skipping = plain();
    skipping.on_conflict = OnConflict::Skip;
    taken(&mut skipping, &[("split", "2")]);
    assert_eq!(skipping.on_conflict, OnConflict::Skip);
}

#[test]
fn what_means_nothing_here_is_remembered_as_it_was_given() {
    let mut spec = with(&[("file-allocation", "none"), ("min-split-size", "1M")]);
    taken(&mut spec, &[("file-allocation", "falloc")]);
    assert_eq!(told(&spec, "file-allocation"), ["falloc"]);
    assert_eq!(told(&spec, "min-split-size"), ["1M"]);
    // What haul does anyway needs no remembering.
    assert_eq!(with(&[("continue", "true")]).notes, []);
    assert_eq!(told(&with(&[("continue", "false")]), "continue"), ["false"]);
}

#[test]
fn what_a_user_would_count_on_is_not_pretended() {
    for (name, value) in [
        ("all-proxy", "http://proxy:3128"),
        ("https-proxy", "proxy"),
        ("dry-run", "true"),
        ("hash-check-only", "true"),
    ] {
        let refused = apply(&mut plain(), &pairs(&[(name, value)])).expect_err(name);
        assert_eq!(refused.name, name);
    }
    with(&[("all-proxy", ""), ("dry-run", "false")]);
}

#[test]
fn limits_digests_and_pages_are_told_as_they_hold() {
    let digest = format!("sha-256={}", "0".repeat(64));
    let spec = with(&[
        ("max-download-limit", "1M"),
        ("checksum", &digest),
        ("accept-html", "true"),
        ("out", "b.iso"),
        ("dir", "/srv"),
    ]);
    assert_eq!(told(&spec, "max-download-limit"), ["1048576"]);
    assert_eq!(told(&spec, "checksum"), [digest]);
    assert_eq!(told(&spec, "accept-html"), ["true"]);
    assert_eq!(told(&spec, "out"), ["b.iso"]);
    assert_eq!(spec.dir.as_deref(), Some(Path::new("/srv")));
    assert_eq!(with(&[("checksum", "")]).checksum, None);
}

#[test]
fn what_is_told_leads_to_the_same_download() {
    let spec = with(&[
        ("dir", "/srv"),
        ("out", "b.iso"),
        ("header", "A: b"),
        ("header", "Range: bytes=0-1"),
        ("user-agent", "x"),
        ("http-user", "me"),
        ("split", "16"),
        ("max-connection-per-server", "4"),
        ("max-download-limit", "5"),
        ("allow-overwrite", "true"),
        ("file-allocation", "none"),
    ]);
    let mut again = plain();
    let left = apply(&mut again, &of(&spec)).expect("good options");
    remember(&mut again, left);
    again.notes.sort();
    let mut sorted = spec.clone();
    sorted.notes.sort();
    again.headers.sort();
    sorted.headers.sort();
    assert_eq!(again, sorted);
}

/// Another URL has lost its headers, and the login must not come back by another way.
#[test]
fn a_login_is_told_and_added_to_only_as_long_as_its_header_is_there() {
    let login = [("http-user", "me"), ("http-passwd", "s3cret")];
    let mut spec = with(&login);
    assert_eq!(told(&spec, "http-passwd"), ["s3cret"]);
    spec.url = Spec::parse_url("http://other/a").expect("a URL");
    spec.headers.clear();
    assert!(
        !format!("{:?}", of(&spec)).contains("s3cret"),
        "{:?}",
        of(&spec)
    );
    taken(&mut spec, &[("http-user", "you")]);
    assert_eq!(
        spec.headers[0].1, "Basic eW91Og==",
        "without the old password"
    );

    let mut overtaken = with(&login);
    taken(&mut overtaken, &[("header", "Authorization: Bearer new")]);
    assert_eq!(told(&overtaken, "header"), ["Authorization: Bearer new"]);
    assert!(told(&overtaken, "http-passwd").is_empty());
    // One option at a time, in either order.
    let mut late = with(&login[1..]);
    taken(&mut late, &login[..1]);
    assert_eq!(late.headers, with(&login).headers);
}

#[test]
fn a_referer_that_is_the_url_has_no_login() {
    let mut spec = plain();
    spec.url = Spec::parse_url("http://me:s3cret@host/a?b#c").expect("a URL");
    taken(&mut spec, &[("referer", "*")]);
    assert_eq!(told(&spec, "referer"), ["http://host/a?b"]);
}
