//! Kills a real daemon at random moments, again and again, until it has downloaded everything
//! nevertheless. Owns the choice of moments; what they cost and what they leave is judged elsewhere.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use haul_engine::Status;
use haul_engine::store::Record;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::{Finished, Lost, Remains, Tally, Wanted, lost, touched};
use crate::daemon::Daemon;
use crate::http;
use crate::origin::Origin;

/// How long a download that nobody kills may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// One daemon in so many is killed while it starts.
const STARTING: u32 = 8;

/// One daemon in so many may live three times as long as others.
const LINGERING: u32 = 5;

/// What is downloaded while the daemon is killed.
#[derive(Debug, Clone)]
pub struct Load {
    /// For people.
    pub(super) name: String,
    /// Further arguments of `haul serve`.
    options: Vec<String>,
    /// The origin's path and query, and the seed and size in them.
    files: Vec<(String, u64, u64)>,
    /// How long most daemons live at most.
    longest_life: Duration,
    /// The most bytes/s that one download can have.
    pub(super) rate: u64,
}

impl Load {
    /// One file of `size` bytes over `threads` threads, each of which gets `rate` bytes/s.
    pub fn large(size: u64, threads: u64, rate: u64) -> Load {
        let path = format!("/large.bin?size={size}&seed=1&rate={rate}&etag=%22v1%22");
        let count = threads.to_string();
        let options = [
            "--threads",
            "--max-connections-per-host",
            "--max-connections",
        ];
        let block = ["--block-size", "4M"];
        Load {
            name: format!("one file of {size} bytes over {threads} threads"),
            options: options
                .into_iter()
                .flat_map(|option| [option, count.as_str()])
                .chain(block)
                .map(str::to_owned)
                .collect(),
            files: vec![(path, 1, size)],
            longest_life: Duration::from_millis(2500),
            rate: threads * rate,
        }
    }

    /// So many files of up to 100,000 bytes, some of them empty or without ranges.
    pub fn small(files: u64) -> Load {
        const SIZES: [u64; 6] = [0, 1, 1000, 4096, 30_000, 100_000];
        let file = |number: u64| {
            let size = SIZES[usize::try_from(number % 6).unwrap_or(0)];
            let ranges = if number.is_multiple_of(5) {
                "&ranges=no"
            } else {
                ""
            };
            // The pause stretches it, so that kills fall everywhere.
            let path = format!(
                "/small-{number:03}.bin?size={size}&seed={number}&delay=50ms&rate=400000{ranges}"
            );
            (path, number, size)
        };
        Load {
            name: format!("{files} small files"),
            options: Vec::new(),
            files: (0..files).map(file).collect(),
            longest_life: Duration::from_millis(900),
            // Any of them is there in less than a second: at the worst it is fetched again whole.
            rate: 400_000,
        }
    }

    fn wanted(&self, origin: &Origin) -> Vec<Wanted> {
        let wanted = |(path, seed, size): &(String, u64, u64)| Wanted {
            url: origin.url(path).into(),
            name: crate::origin::path_of(path)
                .trim_start_matches('/')
                .to_owned(),
            seed: *seed,
            size: *size,
        };
        self.files.iter().map(wanted).collect()
    }
}

/// Downloads `load` with the daemon `binary` and kills it `times` times, at moments that `seed`
/// chooses; downloads it again from nothing when it is finished before that.
///
/// # Panics
/// When a daemon does not start, or a download does not come to its end.
pub async fn random_kills(binary: &Path, load: &Load, times: u64, seed: u64) -> Tally {
    let mut rng = Rng::with_seed(seed);
    let mut tally = Tally::new(load, seed);
    while tally.kills < times {
        let mut round = Round::new(binary, load).await;
        round.add().await;
        while tally.kills < times && !round.is_over() {
            let lost = round.live_and_die(&mut rng).await;
            tally.touched.extend(round.look());
            tally.killed(lost);
        }
        round.finish().await;
        tally.touched.extend(round.look());
        tally.judged(round.remains.judge(&round.wanted).await);
    }
    tally
}

/// Everything downloaded once.
struct Round<'a> {
    binary: &'a Path,
    load: &'a Load,
    dir: TempDir,
    origin: Origin,
    wanted: Vec<Wanted>,
    remains: Remains,
    /// As the last kill has left them.
    records: Vec<Record>,
    finished: BTreeMap<String, Finished>,
}

impl<'a> Round<'a> {
    async fn new(binary: &'a Path, load: &'a Load) -> Round<'a> {
        let dir = TempDir::with_prefix("haul-kills-").expect("a temporary directory");
        let origin = Origin::start().await;
        Round {
            binary,
            load,
            wanted: load.wanted(&origin),
            remains: Remains::of(dir.path()),
            dir,
            origin,
            records: Vec::new(),
            finished: BTreeMap::new(),
        }
    }

    async fn daemon(&self) -> Daemon {
        Daemon::start(self.binary, self.dir.path(), &self.load.options).await
    }

    /// Adds everything in a daemon that is killed when it has answered.
    async fn add(&mut self) {
        let daemon = self.daemon().await;
        let urls: Vec<&str> = self.wanted.iter().map(|wanted| &*wanted.url).collect();
        let body = json!({ "urls": urls }).to_string();
        let url = daemon.url("/api/v1/downloads");
        let answer = http::request("POST", &url, body.as_bytes()).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        daemon.kill9();
        self.records = self.remains.records().await;
    }

    /// Starts a daemon, kills it at some moment, and says what that costs.
    async fn live_and_die(&mut self, rng: &mut Rng) -> Lost {
        let before = self.origin.log().len();
        let longest = u64::try_from(self.load.longest_life.as_millis()).unwrap_or(u64::MAX);
        // Some live longer, so that it tells when only the first checkpoint is ever recorded.
        let longest = if rng.u32(..LINGERING) == 0 {
            3 * longest
        } else {
            longest
        };
        let life = Duration::from_millis(rng.u64(..longest));
        if rng.u32(..STARTING) == 0 {
            // Dropping it while it starts kills it.
            drop(timeout(life / 20, self.daemon()).await);
        } else {
            let daemon = self.daemon().await;
            let _ = timeout(life, self.until_over(&daemon)).await;
            daemon.kill9();
        }
        let after = self.remains.records().await;
        let lost = lost(&self.records, &self.origin.log()[before..], &after);
        self.records = after;
        lost
    }

    fn is_over(&self) -> bool {
        let mut records = self.records.iter();
        records.all(|record| record.status == Status::Completed)
    }

    /// Returns when the daemon says that everything is completed.
    async fn until_over(&self, daemon: &Daemon) {
        let all = self.wanted.len() as u64;
        let url = daemon.url("/api/v1/stats");
        loop {
            let answer = http::request("GET", &url, b"").await.expect("an answer");
            if answer.json()["completed"] == all {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets everything come to its end.
    async fn finish(&mut self) {
        let began = Instant::now();
        let daemon = self.daemon().await;
        if timeout(PATIENCE, self.until_over(&daemon)).await.is_err() {
            panic!(
                "not over after {:?}; haul said:\n{}",
                began.elapsed(),
                daemon.said()
            );
        }
        daemon.terminate().await;
    }

    /// Which finished files are not as they were at the last look.
    fn look(&mut self) -> Vec<String> {
        let now = self.remains.finished();
        let touched = touched(&self.finished, &now);
        self.finished = now;
        touched
    }
}
