//! How the layers lie over each other, without an environment or a disk.

use std::path::Path;

use haul_engine::spec::Targets;
use proptest::prelude::*;

use super::file::File;
use super::flags::Audience;
use super::keys::{KEYS, Key};
use super::load::{Layers, Loaded, Source, load};
use super::{Error, Get, Serve, json, table, table_markdown};

fn key(name: &str) -> &'static Key {
    KEYS.iter()
        .find(|key| key.name == name)
        .expect("a key of the table")
}

struct Given<'a> {
    flags: &'a [(&'a str, &'a str)],
    environment: &'a [(&'a str, &'a str)],
    file: &'a str,
}

const NOTHING: Given<'static> = Given {
    flags: &[],
    environment: &[],
    file: "",
};

fn load_for<A: Audience>(given: &Given<'_>) -> Result<Loaded, Error> {
    let file = File::parse(Path::new("/etc/haul.toml"), given.file)?;
    let flags: Vec<_> = given
        .flags
        .iter()
        .map(|(name, value)| (key(name), vec![(*value).to_owned()]))
        .collect();
    let variable = |name: &str| {
        let found = given
            .environment
            .iter()
            .find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    load(
        A::reads,
        &Layers {
            flags: &flags,
            variable: &variable,
            file: Some(&file),
            current_dir: Path::new("/home/user"),
        },
    )
}

fn refusal(given: &Given<'_>) -> String {
    load_for::<Serve>(given)
        .err()
        .expect("must be refused")
        .to_string()
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = "threads = 2\nport = 2\ndir = \"two\"";
    let environment = [("HAUL_THREADS", "3"), ("HAUL_PORT", "3")];
    let loaded = load_for::<Serve>(&Given {
        flags: &[("threads", "4")],
        environment: &environment,
        file,
    })
    .expect("a configuration");
    assert_eq!(loaded.config.threads, 4);
    assert_eq!(loaded.config.port, 3);
    assert_eq!(loaded.config.dir, Path::new("/home/user/two"));
    assert_eq!(loaded.config.retries, 8);
    assert_eq!(loaded.source("threads"), &Source::Flag("threads"));
    assert_eq!(
        loaded.source("port"),
        &Source::Environment("HAUL_PORT".into())
    );
    assert_eq!(loaded.source("dir"), &Source::File("/etc/haul.toml".into()));
    assert_eq!(loaded.source("retries"), &Source::Default);
}

#[test]
fn an_empty_variable_is_not_set_and_an_empty_flag_clears() {
    let loaded = load_for::<Serve>(&Given {
        flags: &[("token", "")],
        environment: &[("HAUL_THREADS", ""), ("HAUL_TOKEN", "secret")],
        file: "threads = 2",
    })
    .expect("a configuration");
    assert_eq!(loaded.config.threads, 2);
    assert_eq!(loaded.config.token, None);
}

#[test]
fn a_refused_value_is_told_with_its_key_its_source_and_what_is_allowed() {
    let told = refusal(&Given {
        flags: &[("threads", "500")],
        ..NOTHING
    });
    assert_eq!(
        told,
        "threads = \"500\" (flag --threads): out of range; allowed: 1–256"
    );
    let told = refusal(&Given {
        environment: &[("HAUL_BLOCK_SIZE", "16X")],
        ..NOTHING
    });
    assert!(
        told.starts_with("block_size = \"16X\" (environment HAUL_BLOCK_SIZE): \"X\" is not a unit"),
        "{told}"
    );
    assert!(told.ends_with("allowed: 16K–16G"), "{told}");
    let told = refusal(&Given {
        file: "lang = \"fr\"",
        ..NOTHING
    });
    assert_eq!(
        told,
        "lang = \"fr\" (file /etc/haul.toml): not one of the words; allowed: ru, en"
    );
    let told = refusal(&Given {
        file: "threads = true",
        ..NOTHING
    });
    assert!(told.contains("boolean") && told.contains("1–256"), "{told}");
}

#[test]
fn both_ends_of_every_range_are_inside_it() {
    for (name, inside, outside) in [
        ("threads", ["1", "256"], ["0", "257"]),
        ("block_size", ["16K", "16G"], ["16383", "17179869185"]),
        ("port", ["0", "65535"], ["-1", "65536"]),
        ("max_downloads", ["1", "10000"], ["0", "10001"]),
        ("connect_timeout", ["100ms", "10m"], ["99ms", "601s"]),
        ("retries", ["0", "1000"], ["+1", "1001"]),
        ("speed_limit", ["0", "1T"], ["-1", "2T"]),
    ] {
        for value in inside {
            load_for::<Serve>(&Given {
                flags: &[(name, value)],
                ..NOTHING
            })
            .expect(value);
        }
        for value in outside {
            let told = refusal(&Given {
                flags: &[(name, value)],
                ..NOTHING
            });
            assert!(
                told.starts_with(name) && told.contains("allowed: "),
                "{told}"
            );
        }
    }
}

#[test]
fn an_unknown_key_is_told_with_its_file_and_the_nearest_key() {
    let told = refusal(&Given {
        file: "thread = 4",
        ..NOTHING
    });
    assert_eq!(
        told,
        "unknown key \"thread\" = 4 in /etc/haul.toml; did you mean \"threads\"?"
    );
    let told = refusal(&Given {
        file: "block-size = 4",
        ..NOTHING
    });
    assert!(told.contains("did you mean \"block_size\"?"), "{told}");
    let told = refusal(&Given {
        file: "zzz = \"hush\"",
        ..NOTHING
    });
    assert!(!told.contains("did you mean"), "{told}");
    assert!(told.contains("the keys are threads, block_size"), "{told}");
    assert!(!told.contains("hush"), "it may be a secret: {told}");
    let told = refusal(&Given {
        file: "threads = ",
        ..NOTHING
    });
    assert!(told.contains("/etc/haul.toml is not valid TOML"), "{told}");
}

#[test]
fn secrets_are_neither_shown_nor_told() {
    let given = Given {
        flags: &[
            ("proxy", "http://me:hush1@box:3128"),
            ("headers", "Authorization: hush2"),
        ],
        environment: &[("HAUL_TOKEN", "hush3")],
        file: "",
    };
    let loaded = load_for::<Serve>(&given).expect("a configuration");
    assert_eq!(loaded.config.token.as_deref(), Some("hush3"));
    let shown = format!("{}{}", table(&loaded), json(&loaded));
    assert!(!shown.contains("hush"), "{shown}");
    assert!(
        shown.contains("Authorization") && shown.contains("me:***"),
        "{shown}"
    );
    for (name, value) in [
        ("token", "hush hüsh"),
        ("proxy", "ftp://hush@x"),
        ("proxy", "http://me:hu@sh:hush@"),
        ("headers", "Authorization hush"),
        ("headers", "A(: hush"),
    ] {
        let told = refusal(&Given {
            flags: &[(name, value)],
            ..NOTHING
        });
        assert!(!told.contains("hush"), "{told}");
    }
}

#[test]
fn lists_are_read_from_arrays_tables_and_one_text() {
    let wanted = [
        ("A".to_owned(), "1, 2".to_owned()),
        ("B".to_owned(), "3".to_owned()),
    ];
    for given in [
        Given {
            file: "headers = [\"A: 1, 2\", \"B: 3\"]",
            ..NOTHING
        },
        Given {
            file: "[headers]\nA = \"1, 2\"\nB = 3",
            ..NOTHING
        },
        Given {
            environment: &[("HAUL_HEADERS", "A: 1, 2\nB: 3")],
            ..NOTHING
        },
    ] {
        assert_eq!(
            load_for::<Serve>(&given).expect("headers").config.headers,
            wanted
        );
    }
    let origins = "https://Example.org:443/, http://a:81,moz-extension://0f";
    let loaded = load_for::<Serve>(&Given {
        flags: &[("allowed_origins", origins)],
        ..NOTHING
    });
    assert_eq!(
        loaded.expect("origins").config.allowed_origins,
        ["https://example.org", "http://a:81", "moz-extension://0f"]
    );
    refusal(&Given {
        flags: &[("allowed_origins", "https://a/b")],
        ..NOTHING
    });
}

#[test]
fn beyond_loopback_only_public_targets_are_the_default() {
    let targets = |host, file| {
        let given = Given {
            flags: &[("host", host)],
            environment: &[],
            file,
        };
        load_for::<Serve>(&given)
            .expect("a configuration")
            .config
            .targets
    };
    assert_eq!(targets("localhost", ""), Some(Targets::Any));
    assert_eq!(targets("127.0.0.2", ""), Some(Targets::Any));
    assert_eq!(targets("[::1]", ""), Some(Targets::Any));
    assert_eq!(targets("0.0.0.0", ""), Some(Targets::Public));
    assert_eq!(targets("example.org", ""), Some(Targets::Public));
    assert_eq!(targets("0.0.0.0", "targets = \"any\""), Some(Targets::Any));
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let told = refusal(&Given {
        file: "retry_wait = \"2m\"",
        ..NOTHING
    });
    assert!(told.contains("retry_wait_max"), "{told}");
    let certificate = tempfile::NamedTempFile::new().expect("a file");
    let path = certificate.path().to_str().expect("a plain path");
    let told = refusal(&Given {
        flags: &[("tls_cert", path)],
        ..NOTHING
    });
    assert!(told.contains("tls_key is not"), "{told}");
    let told = refusal(&Given {
        flags: &[("netrc", "/no/such/file")],
        ..NOTHING
    });
    assert!(
        told.contains("netrc") && told.contains("/no/such/file"),
        "{told}"
    );
}

#[test]
fn get_does_not_stumble_over_the_daemon_s_keys() {
    let given = Given {
        environment: &[("HAUL_PORT", "tcp://10.0.0.1:8765"), ("HAUL_THREADS", "3")],
        file: "host = \"0.0.0.0\"\ndir = \"elsewhere\"",
        ..NOTHING
    };
    let loaded = load_for::<Get>(&given).expect("a configuration");
    assert_eq!(loaded.config.threads, 3);
    assert_eq!(loaded.config.targets, Some(Targets::Any));
    assert!(!loaded.sources.iter().any(|(key, _)| key.name == "port"));
    assert!(load_for::<Serve>(&given).is_err());
}

#[test]
fn the_state_lies_in_the_directory_of_the_files() {
    let given = Given {
        file: "dir = \"/srv/files\"",
        ..NOTHING
    };
    let config = load_for::<Serve>(&given).expect("a configuration").config;
    assert_eq!(config.state_dir(), Path::new("/srv/files/.haul"));
    let given = Given {
        file: "state_dir = \"state\"",
        ..NOTHING
    };
    let config = load_for::<Serve>(&given).expect("a configuration").config;
    assert_eq!(config.state_dir(), Path::new("/home/user/state"));
}

#[test]
fn the_markdown_table_has_a_row_for_every_key() {
    let text = table_markdown();
    assert_eq!(text.lines().count(), KEYS.len() + 2);
    assert!(
        text.contains("| `threads` | `--threads` | `HAUL_THREADS` | `8` | 1–256 |"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn no_value_of_any_key_makes_it_panic(name in prop::sample::select(KEYS.iter().map(|key| key.name).collect::<Vec<_>>()), value: String) {
        let _ = load_for::<Serve>(&Given { flags: &[(name, &value)], ..NOTHING });
    }
}

#[test]
fn a_value_of_the_wrong_type_is_told_without_its_secrets() {
    let file = |file| refusal(&Given { file, ..NOTHING });
    let told = file("threads = 1.5");
    assert!(
        told.starts_with("threads = 1.5 (file /etc/haul.toml): "),
        "{told}"
    );
    let told = file("headers = { Authorization = 1.25 }");
    assert!(told.starts_with("headers = Authorization: ***"), "{told}");
    let told = file("token = [\"hush\"]");
    assert!(told.starts_with("token = ***"), "{told}");
}

#[test]
fn a_refused_value_that_holds_no_secret_is_told_as_it_is() {
    let flag = |name, value| {
        refusal(&Given {
            flags: &[(name, value)],
            ..NOTHING
        })
    };
    assert!(flag("proxy", "ftp://box:1").contains("proxy = \"ftp://box:1\""));
    let told = flag("proxy", "ftp://me:hush@box:1");
    assert!(
        told.contains("@box:1\"") && !told.contains("hush"),
        "{told}"
    );
    assert!(flag("headers", "X-Thing").contains("headers = \"X-Thing\""));
    let told = flag("headers", "A(: hush");
    assert!(
        told.contains("\"A(: ***") && !told.contains("hush"),
        "{told}"
    );
}
