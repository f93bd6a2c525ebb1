//! One look at the daemon from outside: `/proc`, `GET /api/v1/stats` and its files.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use serde_json::Value;

/// What a look shows. Sizes are in bytes.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) completed: usize,
    pub(super) failed: usize,
    pub(super) tasks: usize,
    pub(super) resident: u64,
    pub(super) descriptors: usize,
    pub(super) threads: usize,
    /// CPU time so far, milliseconds.
    pub(super) cpu_ms: u64,
    /// The database with its log.
    pub(super) stored: u64,
}

impl Sample {
    pub(super) async fn take(daemon: &Daemon, dir: &Path) -> Result<Sample> {
        let answer = http::request("GET", &daemon.url("/api/v1/stats"), b"").await?;
        if answer.status != 200 {
            bail!("GET /stats answers {}: {}", answer.status, answer.text());
        }
        let stats = answer.json();
        let process = Path::new("/proc").join(daemon.pid().to_string());
        let status = fs::read_to_string(process.join("status")).context("haul is gone")?;
        let spent = fs::read_to_string(process.join("stat")).context("haul is gone")?;
        Ok(Sample {
            completed: number(&stats, "completed")?,
            failed: number(&stats, "failed")?,
            tasks: number(&stats, "tasks")?,
            resident: 1024 * field(&status, "VmRSS:").context("no VmRSS")?,
            threads: usize::try_from(field(&status, "Threads:").context("no Threads")?)?,
            descriptors: fs::read_dir(process.join("fd"))?.count(),
            cpu_ms: cpu_ms(&spent).context("no CPU time")?,
            stored: stored(dir),
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>7} done  {:>6.1} MiB  {:>3} descriptors  {:>3} tasks  {:>3} threads  {:>6.1} MiB stored",
            self.completed,
            mib(self.resident),
            self.descriptors,
            self.tasks,
            self.threads,
            mib(self.stored),
        )
    }
}

/// Bytes of the database and of its log.
pub(super) fn stored(dir: &Path) -> u64 {
    let state = dir.join("files/.haul");
    let size = |name| fs::metadata(state.join(name)).map_or(0, |file| file.len());
    size("haul.db") + size("haul.db-wal")
}

pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn number(stats: &Value, name: &str) -> Result<usize> {
    let value = stats[name]
        .as_u64()
        .with_context(|| format!("no \"{name}\" in {stats}"))?;
    Ok(usize::try_from(value)?)
}

/// The number behind `name` in a file like `/proc/PID/status`.
pub(crate) fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time in `/proc/PID/stat`, which counts hundredths of a second.
pub(crate) fn cpu_ms(stat: &str) -> Option<u64> {
    // The program's name stands in brackets and may contain anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(10 * (ticks(11)? + ticks(12)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let status = "Name:\thaul\nVmRSS:\t   12345 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), Some(12_345));
        assert_eq!(field(status, "Threads:"), Some(7));
        let stat = "1 (a) b) S 1 1 1 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 7 0 9 1";
        assert_eq!(cpu_ms(stat), Some(2000));
    }
}
