//! Fuzz target: a file that loads shows what it was understood as, and that loads again to the same.

use std::path::Path;

use haul_testkit::fuzz::text;

use super::file::File;
use super::form::MASK;
use super::keys::KEYS;
use super::load::{Layers, Loaded, load};
use super::{Error, json, table};

const LINES: &[&str] = &[
    "threads = <n>\n",
    "block_size = \"<n>M\"\n",
    "host = \"<w>\"\n",
    "port = <n>\n",
    "dir = \"<w>\"\n",
    "state_dir = \"/srv/<w>\"\n",
    "max_downloads = <n>\n",
    "max_connections = \"<n>\"\n",
    "speed_limit = \"<n>.<n>K\"\n",
    "connect_timeout = \"<n>s\"\n",
    "retry_wait = \"<n>ms\"\n",
    "retry_wait_max = \"<n>h\"\n",
    "min_free_space = \"<w>\"\n",
    "user_agent = \"<w>\"\n",
    "proxy = \"http://<w>:<w>@<w>:<n>\"\n",
    "proxy = \"socks5://[::1]:1080/<w>\"\n",
    "ca_file = \"/dev/null\"\n",
    "headers = [\"X-A: <w>\", \"<w>: <w>\"]\n",
    "token = \"t0k3n<w>\"\n",
    "allowed_origins = \"https://<w>.example, <w>://<w>\"\n",
    "targets = \"public\"\n",
    "lang = \"<w>\"\n",
    "log = \"<w>=debug,<w>\"\n",
    "log_format = \"json\"\n",
    "<w> = <w>\n",
    "[<w>]\n",
    "# <w>\n",
    "'''<w>'''",
    "{ <w> = <w> }",
    "[[[[<w>",
    "1979-05-27T07:32:00Z",
    "\\u{<n>}",
    "::1",
    "[::]",
    "localhost",
    "example.org",
];

fn loaded(text: &str) -> Result<Loaded, Error> {
    let file = File::parse(Path::new("/etc/haul.toml"), text)?;
    let layers = Layers {
        flags: &[],
        variable: &|_| None,
        file: Some(&file),
        current_dir: Path::new("/home/user"),
    };
    load(|_| true, &layers)
}

#[test]
fn config_file() {
    bolero::check!()
        .with_generator(text(LINES))
        .for_each(|text| {
            let loaded = match loaded(text) {
                Ok(loaded) => loaded,
                Err(error) => {
                    let told = error.to_string();
                    assert!(!told.is_empty());
                    return;
                }
            };
            let config = &loaded.config;
            assert!((1..=256).contains(&config.threads));
            assert!((16 << 10..=16 << 30).contains(&config.block_size));
            assert!(config.retry_wait <= config.retry_wait_max);
            assert!(config.dir.is_absolute() && config.state_dir().is_absolute());
            let shown = [table(&loaded), json(&loaded).to_string()].concat();
            if let Some(token) = &config.token {
                assert!(
                    token.len() < 5 || !shown.contains(token.as_str()),
                    "{shown}"
                );
            }
            assert_loads_again(&loaded);
        });
}

/// Writes a file of what is shown, but for what is shown to nobody, and compares.
fn assert_loads_again(first: &Loaded) {
    let mut file = toml::Table::new();
    for key in KEYS {
        let shown = (key.show)(&first.config);
        if !shown.is_empty() && !shown.contains(MASK) {
            file.insert(key.name.to_owned(), shown.into());
        }
    }
    let text = file.to_string();
    let again = loaded(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    for key in KEYS.iter().filter(|key| file.contains_key(key.name)) {
        let shown = (key.show)(&first.config);
        assert_eq!((key.show)(&again.config), shown, "{}", key.name);
    }
}
