//! The hosts that the pictures' downloads come from: a proxy on this machine, behind which one origin plays all
//! of them. Owns what each file's URL is, how its origin behaves, and how fast its bytes pass.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use haul_testkit::origin::Origin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often bytes pass.
const TICK: Duration = Duration::from_millis(50);

/// What was not sent in this time is not made up for: nobody has asked for anything.
const MOST_LATE: Duration = Duration::from_millis(400);

/// The pace, in per cent, changes that often between these: no line is even.
const GUST: Duration = Duration::from_millis(1300);
const GUSTS: [u64; 11] = [100, 118, 131, 112, 84, 71, 80, 96, 122, 104, 82];

/// Bytes/s of a connection as long as nobody looks.
const UNSEEN: u64 = 10 << 20;

/// No head of haul's is longer.
const LONGEST_HEAD: usize = 16 << 10;

/// A file of one of the hosts.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    pub(super) url: &'static str,
    /// What the origin is told of it, as a query string.
    pub(super) knobs: &'static str,
}

/// The proxy and what is behind it. Dropping it ends both.
pub(super) struct Hosts {
    address: SocketAddr,
    origin: Origin,
    lines: Arc<Lines>,
    _tasks: JoinSet<()>,
}

struct Lines {
    files: Vec<File>,
    /// Bytes/s of each connection, for each file.
    paces: Vec<AtomicU64>,
    origin: SocketAddr,
}

impl Hosts {
    /// Listens on 127.0.0.1.
    pub(super) async fn start(files: Vec<File>) -> Result<Hosts> {
        let origin = Origin::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let lines = Arc::new(Lines {
            paces: files.iter().map(|_| AtomicU64::new(UNSEEN)).collect(),
            files,
            origin: origin.address(),
        });
        let mut tasks = JoinSet::new();
        let address = listener.local_addr()?;
        tasks.spawn(accept(listener, Arc::clone(&lines)));
        Ok(Hosts {
            address,
            origin,
            lines,
            _tasks: tasks,
        })
    }

    /// The proxy, for haul's configuration.
    pub(super) fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on each connection brings so many bytes of this file a second.
    pub(super) fn slow(&self, file: usize, bytes: u64) {
        self.lines.paces[file].store(bytes, Ordering::Relaxed);
    }

    /// Lets begin what the origin's knobs say begins with this gate.
    pub(super) fn open(&self, gate: &str) {
        self.origin.open_gate(gate);
    }
}

async fn accept(listener: TcpListener, lines: Arc<Lines>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let lines = Arc::clone(&lines);
        let number = connections.len();
        // Whichever side breaks off, the other one sees it too.
        connections.spawn(async move { pass_on(client, &lines, number).await });
    }
}

async fn pass_on(client: TcpStream, lines: &Lines, number: usize) -> Result<()> {
    let (from_client, to_client) = client.into_split();
    let (from_origin, to_origin) = TcpStream::connect(lines.origin).await?.into_split();
    // The file that the connection is about.
    let about = AtomicUsize::new(0);
    tokio::select! {
        ended = requests(from_client, to_origin, lines, &about) => ended,
        ended = answers(from_origin, to_client, lines, &about, number) => ended,
    }
}

/// Each request goes on with the knobs of its file, of which its URL says nothing.
async fn requests(
    mut client: OwnedReadHalf,
    mut origin: OwnedWriteHalf,
    lines: &Lines,
    about: &AtomicUsize,
) -> Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            if buffer.len() > LONGEST_HEAD || client.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let head: Vec<u8> = buffer.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head);
        let found = head.split(' ').nth(1).and_then(|url| lines.find(url));
        let (at, file) = found.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such file"))?;
        about.store(at, Ordering::Relaxed);
        let path = file.url.rsplit('/').next().unwrap_or_default();
        let asked = head.replacen(file.url, &format!("/{path}?{}", file.knobs), 1);
        origin.write_all(asked.as_bytes()).await?;
    }
}

async fn answers(
    mut origin: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    lines: &Lines,
    about: &AtomicUsize,
    number: usize,
) -> Result<()> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (begun, mut last) = (Instant::now(), Instant::now());
    let mut buffer = vec![0; 64 << 10];
    loop {
        let now = ticks.tick().await;
        // On a busy machine ticks are late, and what is due is more.
        let passed = now.duration_since(last).min(MOST_LATE);
        last = now;
        let gust = now.duration_since(begun).as_millis() / GUST.as_millis();
        let gust = usize::try_from(gust).unwrap_or(0) + number % 3;
        let pace = lines.paces[about.load(Ordering::Relaxed)].load(Ordering::Relaxed);
        let millis = u64::try_from(passed.as_millis()).unwrap_or(0);
        let due = pace * GUSTS[gust % GUSTS.len()] / 100 * millis / 1000;
        let mut left = usize::try_from(due).unwrap_or(usize::MAX).max(1);
        while left > 0 {
            let most = left.min(buffer.len());
            let count = origin.read(&mut buffer[..most]).await?;
            if count == 0 {
                return Ok(());
            }
            client.write_all(&buffer[..count]).await?;
            left -= count;
        }
    }
}

impl Lines {
    fn find(&self, url: &str) -> Option<(usize, &File)> {
        let mut files = self.files.iter().enumerate();
        files.find(|(_, file)| file.url == url)
    }
}
