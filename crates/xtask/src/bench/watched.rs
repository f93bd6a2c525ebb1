//! A program as it is seen from outside: its figures in `/proc`, and how long its HTTP answers take
//! over one connection that is kept. Knows nothing of what is asked.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

/// Longer takes no answer of a program that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// User and system time of a process so far.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the program is gone")?;
    // Its name stands in brackets and may contain anything.
    let (_, rest) = stat.rsplit_once(')').context("no name in its stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let ticks = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
    // Linux counts hundredths of a second here, whatever its clock.
    Ok(Duration::from_millis(
        10 * ticks.context("no times in its stat")?,
    ))
}

/// Bytes of memory that a process holds now.
pub(super) fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("it is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = kib.context("no VmRSS in its status")?.parse()?;
    Ok(kib << 10)
}

/// A connection to an HTTP server, kept for all requests.
pub(super) struct Client {
    stream: TcpStream,
    host: String,
    /// What has been read and belongs to no answer yet.
    rest: Vec<u8>,
}

impl Client {
    /// Connects to `host`, an address with a port.
    pub(super) async fn connect(host: &str) -> Result<Client> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream,
            host: host.to_owned(),
            rest: Vec::new(),
        })
    }

    /// The body of the answer, which must be a success.
    pub(super) async fn ask(&mut self, method: &str, target: &str, body: &str) -> Result<Vec<u8>> {
        let asked = timeout(PATIENCE, self.exchange(method, target, body)).await;
        asked.with_context(|| format!("no answer to {method} {target}"))?
    }

    /// The same as JSON.
    pub(super) async fn json(&mut self, method: &str, target: &str, body: &str) -> Result<Value> {
        Ok(serde_json::from_slice(
            &self.ask(method, target, body).await?,
        )?)
    }

    async fn exchange(&mut self, method: &str, target: &str, body: &str) -> Result<Vec<u8>> {
        let (host, length) = (&self.host, body.len());
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        self.stream
            .write_all(&[head.as_bytes(), body.as_bytes()].concat())
            .await?;
        let end = loop {
            if let Some(end) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let head = String::from_utf8_lossy(&self.rest[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length
            .context("an answer without a length")?
            .trim()
            .parse()?;
        while self.rest.len() < end + length {
            self.read().await?;
        }
        let body = self.rest[end..end + length].to_vec();
        self.rest.drain(..end + length);
        let status = head.split(' ').nth(1).unwrap_or_default();
        let said = String::from_utf8_lossy(&body);
        ensure!(
            status.starts_with('2'),
            "{method} {target} answers {status}: {said}"
        );
        Ok(body)
    }

    async fn read(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.rest).await? == 0 {
            bail!("the connection was closed within an answer");
        }
        Ok(())
    }
}

/// How long things took.
#[derive(Debug, Clone, Default)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(super) fn extend(&mut self, others: Times) {
        self.0.extend(others.0);
    }

    /// The time within which such a part of them was done, in milliseconds.
    pub(super) fn part_ms(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        // Rounded up: an outlier is not rounded away.
        let at = (part * last as f64).ceil();
        let at = (0..=last).find(|index| *index as f64 >= at).unwrap_or(last);
        sorted
            .get(at)
            .map_or(f64::NAN, |time| 1000.0 * time.as_secs_f64())
    }

    /// Cells of a table: half, 99 %, all.
    pub(super) fn cells(&self) -> [String; 3] {
        [0.5, 0.99, 1.0].map(|part| format!("{:.1}", self.part_ms(part)))
    }
}

/// Asks `requests` in turn, one each `pause`, until `is_over` says so of an answer. A request that
/// has to wait for the answer before it counts from when it was due: a standstill is felt by all who
/// would have asked meanwhile.
pub(super) async fn ask_steadily(
    client: &mut Client,
    requests: &[(&str, &str, &str)],
    pause: Duration,
    is_over: impl Fn(&[u8]) -> bool,
) -> Result<Times> {
    let mut times = Times::default();
    let mut due = Instant::now();
    for (method, target, body) in requests.iter().cycle() {
        let held_up = Instant::now() > due;
        sleep_until(due.into()).await;
        // That we wake up a little late is not the program's doing.
        let began = if held_up { due } else { Instant::now() };
        let answer = client.ask(method, target, body).await?;
        times.push(began.elapsed());
        due += pause;
        if is_over(&answer) {
            return Ok(times);
        }
    }
    bail!("nothing to ask")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_few_is_within_the_last_hundredth() {
        let mut times = Times::default();
        (1..=50).for_each(|ms| times.push(Duration::from_millis(ms)));
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|part| times.part_ms(part)),
            [1.0, 26.0, 50.0, 50.0]
        );
        assert!(Times::default().part_ms(0.5).is_nan());
    }

    #[test]
    fn this_process_has_memory_and_time() {
        let pid = std::process::id();
        assert!(resident(pid).expect("it runs") > 1 << 20);
        let began = cpu(pid).expect("it runs");
        while cpu(pid).expect("it runs") == began {}
        assert!(cpu(pid).expect("it runs") - began >= Duration::from_millis(10));
    }
}
