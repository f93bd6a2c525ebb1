//! What can only be said of a whole configuration: paths made absolute, defaults that follow from
//! other keys, and values that contradict each other.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use haul_engine::spec::Targets;

use super::error::Error;
use super::keys::Config;

/// Completes and checks a configuration whose values are each allowed.
pub(super) fn settle(config: &mut Config, current_dir: &Path) -> Result<(), Error> {
    config.dir = current_dir.join(&config.dir);
    let state_dir = match &config.state_dir {
        Some(dir) => current_dir.join(dir),
        None => config.dir.join(".haul"),
    };
    config.state_dir = Some(state_dir);
    let files = [
        ("ca_file", &mut config.ca_file),
        ("cookies_file", &mut config.cookies_file),
        ("netrc", &mut config.netrc),
        ("tls_cert", &mut config.tls_cert),
        ("tls_key", &mut config.tls_key),
    ];
    for (key, file) in files {
        *file = existing(key, file.take(), current_dir)?;
    }
    let targets = if is_loopback(&config.host) {
        Targets::Any
    } else {
        Targets::Public
    };
    config.targets.get_or_insert(targets);
    agree(config)
}

fn existing(
    key: &str,
    file: Option<PathBuf>,
    current_dir: &Path,
) -> Result<Option<PathBuf>, Error> {
    let Some(file) = file else {
        return Ok(None);
    };
    let file = current_dir.join(file);
    match std::fs::File::open(&file) {
        Ok(_) => Ok(Some(file)),
        Err(cause) => Err(Error::Together(format!(
            "{key} = \"{}\": cannot open it: {cause}",
            file.display()
        ))),
    }
}

fn agree(config: &Config) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::Together(why));
    match (&config.tls_cert, &config.tls_key) {
        (Some(_), None) => {
            return refuse("tls_cert is set but tls_key is not: set both or none".into());
        }
        (None, Some(_)) => {
            return refuse("tls_key is set but tls_cert is not: set both or none".into());
        }
        _ => {}
    }
    if config.retry_wait > config.retry_wait_max {
        return refuse(format!(
            "retry_wait ({:?}) is longer than retry_wait_max ({:?}): raise retry_wait_max or lower retry_wait",
            config.retry_wait, config.retry_wait_max
        ));
    }
    Ok(())
}

/// Whether `host` surely names this machine only. A name that merely resolves to loopback does not
/// count: what it resolves to may change.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}
