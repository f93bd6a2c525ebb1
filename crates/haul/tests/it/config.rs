//! The layers of the configuration, with a real environment and real files.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{end, haul};

#[test]
fn config_shows_each_value_and_where_it_came_from() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(
        dir.path().join("haul.toml"),
        "threads = 2\nport = 2\nretries = 2",
    )
    .expect("a file");
    let arguments = ["config", "--json", "--threads", "4", "--token", "hush"];
    let ended = end(haul(dir.path(), &arguments).env("HAUL_PORT", "3"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stdout.contains("hush"), "{}", ended.stdout);
    let shown: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let entry = |key: &str| {
        let source = shown[key]["source"].as_str().expect("a source").to_owned();
        (shown[key]["value"].clone(), source)
    };
    assert_eq!(entry("threads"), (4.into(), "flag --threads".into()));
    assert_eq!(entry("port"), (3.into(), "environment HAUL_PORT".into()));
    let (retries, source) = entry("retries");
    assert_eq!(retries, 2);
    assert!(
        source.starts_with("file ") && source.ends_with("haul.toml"),
        "{source}"
    );
    assert_eq!(entry("block_size"), ((16 << 20).into(), "default".into()));
}

#[test]
fn the_user_s_file_counts_where_the_directory_has_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join(".config/haul");
    fs::create_dir_all(&home).expect("a directory");
    fs::write(home.join("haul.toml"), "threads = 2").expect("a file");
    let threads = |arguments: &[&str]| {
        let ended = end(&mut haul(dir.path(), arguments));
        let line = ended
            .stdout
            .lines()
            .find(|line| line.starts_with("threads "));
        line.expect("the key")
            .split_whitespace()
            .nth(1)
            .map(str::to_owned)
    };
    assert_eq!(threads(&["config"]).as_deref(), Some("2"));
    fs::write(dir.path().join("haul.toml"), "threads = 3").expect("a file");
    assert_eq!(threads(&["config"]).as_deref(), Some("3"));
    fs::write(dir.path().join("other.toml"), "threads = 4").expect("a file");
    assert_eq!(
        threads(&["config", "--config", "other.toml"]).as_deref(),
        Some("4")
    );
}

#[test]
fn a_wrong_configuration_exits_with_2_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a directory");
    let refused = |arguments: &[&str], variable: &str, part: &str| {
        let ended = end(haul(dir.path(), arguments).env("HAUL_RETRIES", variable));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
        assert!(
            ended.stderr.contains(part),
            "{part} is missing: {}",
            ended.stderr
        );
    };
    refused(&["config", "--threads", "257"], "1", "allowed: 1–256");
    refused(&["config"], "many", "environment HAUL_RETRIES");
    refused(&["config", "--config", "none.toml"], "1", "none.toml");
    refused(&["serve", "--block-size", "1K"], "1", "16K–16G");
    refused(
        &["get", "--read-timeout", "5", "http://h/a"],
        "1",
        "unit is missing",
    );
    fs::write(dir.path().join("haul.toml"), "threds = 4").expect("a file");
    refused(&["config"], "1", "\"threds\" = 4");
    refused(&["config"], "1", "did you mean \"threads\"?");
    fs::write(dir.path().join("haul.toml"), "word = \"secret\"").expect("a file");
    refused(&["serve"], "1", "the keys are threads, block_size, host,");
    refused(&["serve"], "1", "\"word\" = ********");
    fs::write(dir.path().join("haul.toml"), "headers = [\"Range: x\"]").expect("a file");
    refused(&["serve"], "1", "Range is set by haul itself");
    refused(&["get", "http://h/a"], "1", "`haul config --markdown`");
    // What is advised works where the file is wrong.
    let table = end(&mut haul(dir.path(), &["config", "--markdown"]));
    assert_eq!(table.code, Some(0), "{}", table.stderr);
}

#[test]
fn the_table_of_keys_can_be_printed_for_a_document() {
    let dir = tempfile::tempdir().expect("a directory");
    let ended = end(&mut haul(dir.path(), &["config", "--markdown"]));
    assert_eq!(ended.code, Some(0));
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    for row in ended.stdout.lines() {
        assert!(readme.contains(row), "the README lacks: {row}");
    }
}
