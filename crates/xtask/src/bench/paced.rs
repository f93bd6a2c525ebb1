//! A server of one file that sends each connection at a rate of its own, decided when the connection
//! is accepted. The kernel does the pacing (`SO_MAX_PACING_RATE`), segments are as long as on
//! Ethernet: the bytes come evenly, in small pieces, as they do from afar. Servers with a limit in
//! their configuration send bursts instead, and give each new request some seconds' worth at once.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};
use url::Url;

use super::sys;

/// Bytes per second of the connection with that number, counted from 0.
pub(super) type Rate = fn(usize) -> u32;

/// A running server; ends when dropped.
pub(super) struct Paced {
    address: SocketAddr,
    serving: Arc<Serving>,
    accepting: Option<JoinHandle<()>>,
}

struct Serving {
    file: File,
    size: u64,
    rate: Rate,
    /// Connections since the last [`Paced::forget`].
    accepted: AtomicUsize,
    ending: AtomicBool,
    /// What is cut at the end.
    open: Mutex<Vec<Weak<TcpStream>>>,
}

impl Paced {
    pub(super) fn start(file: &Path, rate: Rate) -> Result<Paced> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
        sys::ethernet(listener.as_fd())?;
        let address = listener.local_addr()?;
        let file = File::open(file)?;
        let serving = Arc::new(Serving {
            size: file.metadata()?.len(),
            file,
            rate,
            accepted: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let server = Arc::clone(&serving);
        let accepting = std::thread::spawn(move || accept(&listener, &server));
        Ok(Paced {
            address,
            serving,
            accepting: Some(accepting),
        })
    }

    pub(super) fn url(&self) -> Url {
        let text = format!("http://{}/file.bin", self.address);
        text.parse().expect("an address makes a URL")
    }

    /// The next connection is the first.
    pub(super) fn forget(&self) {
        self.serving.accepted.store(0, Ordering::Relaxed);
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.serving.ending.store(true, Ordering::Relaxed);
        // A last connection wakes the one who accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, serving: &Arc<Serving>) {
    let mut connections = Vec::new();
    while let Ok((socket, _)) = listener.accept() {
        if serving.ending.load(Ordering::Relaxed) {
            break;
        }
        let socket = Arc::new(socket);
        let mut open = serving.open.lock().expect("nobody panics while holding it");
        open.retain(|socket| socket.strong_count() > 0);
        open.push(Arc::downgrade(&socket));
        drop(open);
        let number = serving.accepted.fetch_add(1, Ordering::Relaxed);
        let serving = Arc::clone(serving);
        // A client that closes is how a connection ends.
        let serve = move || drop(serving.serve(&socket, number));
        connections.push(std::thread::spawn(serve));
    }
    let open = serving.open.lock().expect("nobody panics while holding it");
    for socket in open.iter().filter_map(Weak::upgrade) {
        let _ = socket.shutdown(Shutdown::Both);
    }
    drop(open);
    for connection in connections {
        let _ = connection.join();
    }
}

impl Serving {
    fn serve(&self, socket: &TcpStream, number: usize) -> Result<()> {
        sys::pace(socket.as_fd(), (self.rate)(number))?;
        let mut lines = BufReader::new(socket);
        loop {
            let mut line = String::new();
            ensure!(lines.read_line(&mut line)? > 0, "the client has closed");
            let is_head = line.starts_with("HEAD ");
            let mut range = None;
            while !line.trim_end().is_empty() {
                line.clear();
                lines.read_line(&mut line)?;
                range = range.or_else(|| asked(&line, self.size));
            }
            self.answer(socket, range, is_head)?;
        }
    }

    fn answer(
        &self,
        mut socket: &TcpStream,
        range: Option<Range<u64>>,
        is_head: bool,
    ) -> Result<()> {
        let status = match &range {
            Some(range) => format!(
                "206 Partial Content\r\nContent-Range: bytes {}-{}/{}",
                range.start,
                range.end - 1,
                self.size
            ),
            None => "200 OK".to_owned(),
        };
        let range = range.unwrap_or(0..self.size);
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: application/octet-stream\r\n\
             Accept-Ranges: bytes\r\nETag: \"1\"\r\n\
             Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n",
            range.end - range.start
        );
        socket.write_all(head.as_bytes())?;
        let mut at = range.start;
        while at < range.end && !is_head {
            let rest = usize::try_from(range.end - at)?;
            let sent = rustix::fs::sendfile(socket, &self.file, Some(&mut at), rest.min(1 << 20))?;
            ensure!(sent > 0, "the file became shorter");
        }
        Ok(())
    }
}

/// The bytes that a line asks for when it is a `Range` header.
fn asked(line: &str, size: u64) -> Option<Range<u64>> {
    let (name, value) = line.trim_end().split_once(':')?;
    if !name.eq_ignore_ascii_case("range") {
        return None;
    }
    let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok().filter(|first| *first < size)?;
    let last = match last {
        "" => size - 1,
        last => last.parse::<u64>().ok()?.min(size - 1),
    };
    (first <= last).then_some(first..last + 1)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_range_is_read_as_clients_write_it() {
        for (line, range) in [
            ("Range: bytes=0-9\r\n", Some(0..10)),
            ("range:bytes=90-\r\n", Some(90..100)),
            ("Range: bytes=90-500\r\n", Some(90..100)),
            ("Range: bytes=100-\r\n", None),
            ("Range: bytes=9-5\r\n", None),
            ("Host: bytes=0-9\r\n", None),
        ] {
            assert_eq!(asked(line, 100), range, "{line}");
        }
    }

    #[test]
    fn each_connection_has_its_rate_and_the_right_bytes() {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let file = dir.path().join("file");
        let bytes: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
        std::fs::write(&file, &bytes).expect("it can be written");
        // The second of two connections has one MiB/s.
        let rate = |number| if number % 2 == 1 { 1 << 20 } else { 1 << 30 };
        let server = Paced::start(&file, rate).expect("it starts");
        let fetch = || {
            let began = Instant::now();
            let mut socket = TcpStream::connect(server.address).expect("it listens");
            let request = b"GET / HTTP/1.1\r\nRange: bytes=1000-800999\r\n\r\n";
            socket.write_all(request).expect("it reads");
            let mut answer = Vec::new();
            let mut answers = BufReader::new(socket);
            while !answer.ends_with(b"\r\n\r\n") {
                answers.read_until(b'\n', &mut answer).expect("a head");
            }
            assert!(answer.starts_with(b"HTTP/1.1 206"));
            let mut body = vec![0; 800_000];
            answers.read_exact(&mut body).expect("the body");
            assert!(body == bytes[1000..801_000]);
            began.elapsed()
        };
        fetch();
        let slow = fetch();
        assert!(slow > Duration::from_millis(600), "{slow:?}");
        server.forget();
        fetch();
        assert!(fetch() > Duration::from_millis(600));
    }
}
