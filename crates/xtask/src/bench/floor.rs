//! `xtask floor …`: a bare loop that only moves bytes, to hold haul against: threads with a connection
//! each, `recv` into 1 MiB, `pwrite` into a file that was allocated before. It checks nothing, takes
//! nothing up again and cannot be stopped: all that haul does beyond it is what haul costs.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::FallocateFlags;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use url::Url;

const BUFFER: usize = 1 << 20;

/// The same for TLS: decrypted bytes are still in the cache when they are written.
const TLS_BUFFER: usize = 256 << 10;

/// What the floor is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Floor {
    pub(super) url: Url,
    pub(super) size: u64,
    pub(super) threads: u64,
    pub(super) end: End,
    /// The CA to trust, when it is to speak TLS.
    pub(super) ca: Option<PathBuf>,
}

/// When it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With the last write.
    Written,
    /// When all is on the disk.
    Durable,
}

impl Floor {
    /// The command that does it in a process of its own, into a file of that directory.
    pub(super) fn command(&self, dir: &Path, name: &str) -> Command {
        let own = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(own);
        command.arg("floor").arg(self.url.as_str());
        command.arg(dir.join(name)).arg(self.size.to_string());
        command.arg(self.threads.to_string());
        command.arg(match self.end {
            End::Written => "written",
            End::Durable => "durable",
        });
        command.args(&self.ca);
        command
    }

    fn read(words: &[&str]) -> Result<(Floor, PathBuf)> {
        let [url, file, size, threads, end, ca @ ..] = words else {
            bail!("floor wants URL FILE SIZE THREADS written|durable [CA]");
        };
        let floor = Floor {
            url: url.parse()?,
            size: size.parse()?,
            threads: threads.parse()?,
            end: match *end {
                "written" => End::Written,
                "durable" => End::Durable,
                end => bail!("nothing ends \"{end}\""),
            },
            ca: ca.first().map(PathBuf::from),
        };
        ensure!(floor.threads > 0, "no threads move no bytes");
        Ok((floor, file.into()))
    }
}

/// The chore: the words behind `floor`.
pub(crate) fn chore(words: &[&str]) -> Result<()> {
    let (floor, file) = Floor::read(words)?;
    let tls = floor.ca.as_deref().map(tls).transpose()?;
    let file = File::create(file)?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, floor.size)?;
    std::thread::scope(|scope| {
        let part = |n| floor.size * n / floor.threads..floor.size * (n + 1) / floor.threads;
        let threads: Vec<_> = (0..floor.threads)
            .map(|n| {
                let (floor, file, tls) = (&floor, &file, tls.clone());
                scope.spawn(move || transfer(floor, file, tls, part(n)))
            })
            .collect();
        let mut ends = threads.into_iter().map(ScopedJoinHandle::join);
        ends.try_for_each(|end| end.unwrap_or_else(|_| bail!("a thread panicked")))
    })?;
    if floor.end == End::Durable {
        file.sync_data()?;
    }
    Ok(())
}

fn tls(ca: &Path) -> Result<Arc<ClientConfig>> {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_file(ca)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn transfer(
    floor: &Floor,
    file: &File,
    tls: Option<Arc<ClientConfig>>,
    part: Range<u64>,
) -> Result<()> {
    let host = floor.url.host_str().context("no host")?;
    let port = floor.url.port_or_known_default().context("no port")?;
    let socket = TcpStream::connect((host, port))?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {host}\r\nRange: bytes={}-{}\r\n\r\n",
        floor.url.path(),
        part.start,
        part.end - 1
    );
    match tls {
        None => copy(socket, &request, file, part, Filled::Somewhat(BUFFER)),
        Some(config) => {
            let name = ServerName::try_from(host.to_owned())?;
            let session = ClientConnection::new(config, name)?;
            // A record brings 16 KiB at most, and short writes are dear.
            let stream = StreamOwned::new(session, socket);
            copy(stream, &request, file, part, Filled::Wholly(TLS_BUFFER))
        }
    }
}

/// A buffer of so many bytes, and how full it is when it is written.
#[derive(Clone, Copy)]
enum Filled {
    /// With whatever one read has brought.
    Somewhat(usize),
    /// To the end.
    Wholly(usize),
}

/// Sends the request and writes what follows the head of the answer.
fn copy(
    mut stream: impl Read + Write,
    request: &str,
    file: &File,
    mut part: Range<u64>,
    filled: Filled,
) -> Result<()> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let (size, least) = match filled {
        Filled::Somewhat(size) => (size, 1),
        Filled::Wholly(size) => (size, size),
    };
    let mut buffer = vec![0; size];
    let mut held = 0;
    let body = loop {
        let read = stream.read(&mut buffer[held..])?;
        ensure!(read > 0, "the server closed within the head");
        held += read;
        let end = buffer[..held]
            .windows(4)
            .position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            break end + 4;
        }
    };
    ensure!(buffer.starts_with(b"HTTP/1.1 206"), "no part was sent");
    file.write_all_at(&buffer[body..held], part.start)?;
    part.start += (held - body) as u64;
    while !part.is_empty() {
        let rest = usize::try_from(part.end - part.start).unwrap_or(size);
        let room = &mut buffer[..rest.min(size)];
        let mut held = 0;
        while held < least.min(room.len()) {
            let read = stream.read(&mut room[held..])?;
            ensure!(read > 0, "the server closed within the body");
            held += read;
        }
        file.write_all_at(&room[..held], part.start)?;
        part.start += held as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_another_process_is_understood_there() {
        let floor = Floor {
            url: "https://127.0.0.1:1/a.bin".parse().expect("a URL"),
            size: 10,
            threads: 2,
            end: End::Durable,
            ca: Some("ca.pem".into()),
        };
        let command = floor.command(Path::new("/out"), "a.bin");
        let words: Vec<&str> = command
            .get_args()
            .filter_map(|word| word.to_str())
            .collect();
        assert_eq!(words[0], "floor");
        let read = Floor::read(&words[1..]).expect("its own words");
        assert_eq!(read, (floor, "/out/a.bin".into()));
        assert!(Floor::read(&["https://127.0.0.1:1/", "a", "1", "0", "written"]).is_err());
    }
}
