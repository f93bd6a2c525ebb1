//! `SECURITY.md` says nothing that no test shows.

use std::fs;
use std::path::Path;

/// The paragraphs of the page that claim something: one line each.
fn claims(page: &str) -> Vec<&str> {
    page.lines().filter(|line| line.starts_with("- ")).collect()
}

/// The test that a claim names: a file and a function in it.
fn named(claim: &str) -> Option<(&str, &str)> {
    let (_, rest) = claim.trim_end().rsplit_once(" `")?;
    rest.strip_suffix('`')?.split_once("::")
}

#[test]
fn every_claim_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("SECURITY.md")).expect("the page");
    let claims = claims(&page);
    assert!(claims.len() > 40, "only {} claims", claims.len());
    for claim in claims {
        let (file, test) = named(claim).unwrap_or_else(|| panic!("no test: {claim}"));
        let code = fs::read_to_string(root.join(file))
            .unwrap_or_else(|why| panic!("{file}: {why}; named by: {claim}"));
        let is_there = code.contains(&format!("fn {test}("));
        assert!(is_there, "no test {test} in {file}; named by: {claim}");
    }
}

#[test]
fn a_claim_without_a_test_is_seen() {
    let named_one = "- It is safe. `crates/a.rs::it_is_safe`";
    assert_eq!(named(named_one), Some(("crates/a.rs", "it_is_safe")));
    assert_eq!(named("- It is safe."), None);
    assert_eq!(named("- It is `safe`."), None);
    assert_eq!(named("- It is safe. `crates/a.rs`"), None);
    assert_eq!(claims("# a\n- b\ntext - c\n- d"), ["- b", "- d"]);
}
