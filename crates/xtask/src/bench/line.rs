//! A long line to a server: a round trip of 100 ms, a rate that all connections share, a queue before
//! it, and a window per connection that starts small and doubles with each round trip, as a sender's
//! does that knows nothing of the line yet. It does not look at the bytes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// The way there, and the way back.
const ONE_WAY: Duration = Duration::from_millis(50);

/// Bytes per second towards the client, of all connections together.
pub(super) const RATE: u32 = 25 << 20;

/// How long a piece may wait before the line: whoever would wait longer is not read from.
const LONGEST_QUEUE: Duration = Duration::from_millis(50);

/// Ten segments of Ethernet, as every sender starts.
const FIRST_WINDOW: usize = 14_480;

/// As far as receivers commonly let it grow.
const WIDEST_WINDOW: usize = 6 << 20;

/// The longest piece: 1.2 ms of the line.
const PIECE: usize = 32 << 10;

/// Pieces on their way; more than the widest window and the queue need.
const MOST_PIECES: usize = 4096;

/// A running line; cut when dropped.
pub(super) struct Line {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

/// Bytes, and when they arrive.
type Piece = (Instant, Vec<u8>);

impl Line {
    /// A line to a server on this machine.
    pub(super) async fn to(server: SocketAddr) -> Result<Line> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port")?;
        let address = listener.local_addr()?;
        let task = Handle::current().spawn(async move {
            let shared = Arc::new(Mutex::new(Instant::now()));
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(connect(client, server, Arc::clone(&shared)));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Line { address, task })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(client: TcpStream, server: SocketAddr, shared: Arc<Mutex<Instant>>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    // The client believes itself connected at once; over a real line that takes a round trip.
    let connected = Instant::now() + 2 * ONE_WAY;
    let (mut from_client, to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let (there, arriving_there) = channel(MOST_PIECES);
    let (back, arriving_back) = channel(MOST_PIECES);
    let asking = async move {
        while let Some(piece) = read(&mut from_client, PIECE).await {
            // Requests are short: they neither fill the line nor wait for it.
            let arrives = Instant::now().max(connected) + ONE_WAY;
            if there.send((arrives, piece)).await.is_err() {
                return;
            }
        }
    };
    // The first to end ends them all: nobody here closes one direction only.
    tokio::select! {
        () = asking => (),
        () = answer(&mut from_server, &back, &shared) => drop(back),
        () = arrive(to_server, arriving_there) => (),
        () = arrive(to_client, arriving_back) => (),
    }
}

async fn answer(
    from: &mut (impl AsyncReadExt + Unpin),
    back: &Sender<Piece>,
    shared: &Mutex<Instant>,
) {
    let mut window = Window::default();
    loop {
        let room = window.room(Instant::now());
        if room == 0 {
            sleep_until(window.next_answer()).await;
            continue;
        }
        let Some(piece) = read(from, room.min(PIECE)).await else {
            break;
        };
        let left = take_line(shared, Instant::now(), piece.len());
        // Whoever finds a long queue waits outside of it, and so do the bytes behind.
        sleep_until(left.checked_sub(LONGEST_QUEUE).unwrap_or(left)).await;
        let arrives = left + ONE_WAY;
        window.sent(arrives + ONE_WAY, piece.len());
        if back.send((arrives, piece)).await.is_err() {
            return;
        }
    }
    // What is under way still arrives.
    sleep_until(Instant::now() + LONGEST_QUEUE + ONE_WAY).await;
}

/// Takes the shared line for a piece; returns when its last byte has left.
fn take_line(shared: &Mutex<Instant>, now: Instant, bytes: usize) -> Instant {
    let mut free = shared.lock().expect("nobody panics while holding it");
    let takes = Duration::from_secs_f64(bytes as f64 / f64::from(RATE));
    *free = free.max(now) + takes;
    *free
}

async fn read(from: &mut (impl AsyncReadExt + Unpin), most: usize) -> Option<Vec<u8>> {
    let mut piece = vec![0; most];
    let read = from.read(&mut piece).await.ok().filter(|read| *read > 0)?;
    piece.truncate(read);
    Some(piece)
}

async fn arrive(mut to: impl AsyncWriteExt + Unpin, mut pieces: Receiver<Piece>) {
    while let Some((arrives, piece)) = pieces.recv().await {
        sleep_until(arrives).await;
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
}

/// How much of one connection may be under way.
struct Window {
    width: usize,
    used: usize,
    /// When the sender hears that so many bytes have arrived.
    answers: VecDeque<(Instant, usize)>,
}

impl Default for Window {
    fn default() -> Self {
        Window {
            width: FIRST_WINDOW,
            used: 0,
            answers: VecDeque::new(),
        }
    }
}

impl Window {
    /// Bytes that may be sent now.
    fn room(&mut self, now: Instant) -> usize {
        while let Some((_, bytes)) = self.answers.pop_front_if(|(heard, _)| *heard <= now) {
            self.used -= bytes;
            // What arrives well lets as much more be sent: it doubles with each round trip.
            self.width = (self.width + bytes).min(WIDEST_WINDOW);
        }
        self.width.saturating_sub(self.used)
    }

    /// When there is room again. Only for a window without room.
    fn next_answer(&self) -> Instant {
        let first = self.answers.front();
        first.map_or_else(Instant::now, |(heard, _)| *heard)
    }

    fn sent(&mut self, heard: Instant, bytes: usize) {
        self.used += bytes;
        self.answers.push_back((heard, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_doubles_with_each_round_trip_up_to_the_widest() {
        let start = Instant::now();
        let mut window = Window::default();
        let mut now = start;
        let mut expected = FIRST_WINDOW;
        for _ in 0..12 {
            let room = window.room(now);
            assert_eq!(room, expected);
            window.sent(now + 2 * ONE_WAY, room);
            assert_eq!(window.room(now), 0);
            now = window.next_answer();
            expected = (expected * 2).min(WIDEST_WINDOW);
        }
        assert_eq!(expected, WIDEST_WINDOW);
    }

    #[test]
    fn the_line_is_shared_and_not_saved_up() {
        let start = Instant::now();
        let line = Mutex::new(start);
        let second = usize::try_from(RATE).expect("a small number");
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(take_line(&line, at(0), second), at(1));
        assert_eq!(take_line(&line, at(0), second), at(2));
        // Idle time is lost.
        assert_eq!(take_line(&line, at(5), second), at(6));
    }

    #[tokio::test]
    async fn an_answer_takes_the_way_there_and_back() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = server.local_addr().expect("an address");
        let echo = tokio::spawn(async move {
            let (mut socket, _) = server.accept().await.expect("the line connects");
            let mut buffer = [0; 4];
            for _ in 0..2 {
                socket.read_exact(&mut buffer).await.expect("four bytes");
                socket.write_all(&buffer).await.expect("it is read");
            }
        });
        let line = Line::to(address).await.expect("a line");
        let mut socket = TcpStream::connect(line.address).await.expect("it accepts");
        for least in [4, 2] {
            let began = Instant::now();
            socket.write_all(b"ping").await.expect("it is read");
            let mut answer = [0; 4];
            socket.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(&answer, b"ping");
            let took = began.elapsed();
            assert!(took >= least * ONE_WAY, "{took:?}");
        }
        echo.await.expect("it ends well");
    }
}
