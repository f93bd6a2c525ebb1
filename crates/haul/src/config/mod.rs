//! What haul is told: one table of keys, and the layers that fill it. Owns the names, defaults and
//! allowed values; knows nothing of what the values do.

mod checks;
mod error;
mod file;
mod flags;
mod form;
#[cfg(test)]
mod fuzz;
mod keys;
mod load;
mod offering;
mod settle;
mod show;
mod units;
mod web;

#[cfg(test)]
mod tests;

pub(crate) use error::Error;
pub(crate) use flags::{Audience, Flags, Get, Serve};
pub(crate) use keys::{Config, LogFormat, parse_block_size, parse_speed_limit, parse_threads};
pub(crate) use load::{Loaded, Source};
pub(crate) use offering::Offering;
pub(crate) use settle::is_loopback;
pub(crate) use show::{json, table, table_markdown};
pub(crate) use units::{parse_duration, parse_size, print_duration};
pub(crate) use web::{free_header, header, no_url};

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::api::{ApiOptions, TlsFiles};

/// The effective configuration of a command, from its flags, the environment and the file.
pub(crate) fn effective<A: Audience>(flags: &Flags<A>) -> Result<Loaded, Error> {
    let variable = |name: &str| std::env::var(name).ok();
    if let Some(key) = keys::KEYS
        .iter()
        .find(|key| A::reads(key) && is_garbled(key))
    {
        let told = format!("the environment variable {} is not UTF-8", key.variable());
        return Err(Error::Together(told));
    }
    let current_dir = std::env::current_dir().map_err(|cause| {
        Error::Together(format!("the current directory cannot be told: {cause}"))
    })?;
    let file = file::File::find(flags.file.as_deref(), &variable, &current_dir)?;
    load::load(
        A::reads,
        &load::Layers {
            flags: &flags.given,
            variable: &variable,
            file: file.as_ref(),
            current_dir: &current_dir,
        },
    )
}

/// The defaults, whatever the environment and files say; files go below `dir`.
pub(crate) fn untouched(dir: &Path) -> Result<Loaded, Error> {
    load::load(
        |_| true,
        &load::Layers {
            flags: &[],
            variable: &|_| None,
            file: None,
            current_dir: dir,
        },
    )
}

/// Whether its variable is set to something that cannot be read as text.
fn is_garbled(key: &keys::Key) -> bool {
    std::env::var_os(key.variable()).is_some_and(|value| value.to_str().is_none())
}

/// Variables that look like a misspelt key's, with the key that is probably meant.
pub(crate) fn misspelt_variables() -> Vec<(String, &'static str)> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter_map(|name| {
            let key = name.strip_prefix("HAUL_")?.to_ascii_lowercase();
            // These two belong to the commands that talk to a daemon.
            let known = ["server", "token"].contains(&key.as_str())
                || keys::KEYS.iter().any(|known| known.name == key);
            let near = file::nearest(&key).filter(|_| !known)?;
            Some((name, near))
        })
        .collect()
}

impl Config {
    /// The state directory, absolute.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.state_dir
            .clone()
            .unwrap_or_else(|| self.dir.join(".haul"))
    }

    /// What the engine is told, for files in `dir` and state in `state_dir`.
    pub(crate) fn engine(&self, dir: PathBuf, state_dir: PathBuf) -> haul_engine::Config {
        haul_engine::Config {
            dir,
            state_dir,
            root: None,
            settings: haul_engine::Settings {
                threads: self.threads,
                block_size: self.block_size,
                max_downloads: self.max_downloads,
                max_connections: self.max_connections,
                max_connections_per_host: self.max_connections_per_host,
                speed_limit: self.speed_limit,
            },
            connect_timeout: self.connect_timeout,
            read_timeout: self.read_timeout,
            retries: self.retries,
            retry_wait: self.retry_wait,
            retry_wait_max: self.retry_wait_max,
            min_free_space: self.min_free_space,
            on_full: haul_engine::OnFull::Wait,
            on_loss: haul_engine::OnLoss::Wait,
            user_agent: self.user_agent.clone(),
            proxy: self.proxy.clone(),
            ca_file: self.ca_file.clone(),
            headers: self.headers.clone(),
            cookies_file: self.cookies_file.clone(),
            netrc: self.netrc.clone(),
            targets: self.targets.unwrap_or_default(),
            hosts: Vec::new(),
        }
    }

    /// What the server is told; `token` is the one in force, and `quit` is cancelled when a client asks
    /// the daemon to end.
    pub(crate) fn api(&self, token: Option<String>, quit: CancellationToken) -> ApiOptions {
        ApiOptions {
            host: self.host.clone(),
            token,
            allowed_origins: self.allowed_origins.clone(),
            lang: self.lang,
            console_batches: self.console_batches,
            root: self.dir.clone(),
            state: self.state_dir(),
            quit,
        }
    }

    /// The server's certificate and key, when it speaks TLS.
    pub(crate) fn tls(&self) -> Option<TlsFiles> {
        let (cert, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(TlsFiles { cert, key })
    }
}
