//! `haul watch`: the daemon's downloads live on a terminal. Joins what the daemon says, the keys and the
//! clock to a state, and draws it; each of them has a file of its own.

mod burst;
mod entry;
mod hear;
mod keys;
mod link;
mod list;
mod order;
mod row;
mod screen;
mod state;
mod talk;
mod typed;
mod view;

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use rustix::process;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

use self::keys::Next;
use self::link::News;
use self::screen::Screen;
use self::state::State;
use self::typed::Typed;
use self::view::Terminal;
use super::client::Server;
use super::exit;
use super::glyphs::Glyphs;
use super::paint::Paint;

/// `haul watch`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul watch
  haul watch --server https://box:8765 --token TOKEN

Keys: arrows or j k choose a download, p pauses it or lets it go on,
x cancels, r retries, d forgets, a or a paste adds URLs, l limits the speed,
/ searches, Tab filters, s sorts, ? shows all keys, Ctrl-Z leaves until fg,
q quits. The downloads go on without it.")]
pub(crate) struct Watch {
    #[command(flatten)]
    server: Server,
}

/// News are drawn no faster than eyes follow; keys at once.
const BETWEEN_DRAWINGS: Duration = Duration::from_millis(200);
/// How many messages of the daemon wait while the screen is drawn; the daemon merges what follows.
const NEWS_KEPT: usize = 16;
const ORDERS_KEPT: usize = talk::MOST_OPEN;
/// How long a daemon may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Shows the daemon's downloads until the user has seen enough.
pub(crate) async fn watch(asked: Watch) -> anyhow::Result<u8> {
    screen::check()?;
    let socket = asked.server.open(link::PATH, None).await?;
    let signals = Signals::listen().context("cannot listen for signals")?;
    let (orders, to_send) = mpsc::channel(ORDERS_KEPT);
    let (to_tell, news) = mpsc::channel(NEWS_KEPT);
    let mut held = JoinSet::new();
    held.spawn(link::hold(asked.server.clone(), socket, to_send, to_tell));
    let screen = Screen::take().context("the terminal cannot be drawn on")?;
    let name = asked.server.name().to_owned();
    let mut watching = Watching::new(name, screen, orders, news)?;
    let ended = watching.until_over(signals).await;
    let screen = watching.hang_up();
    let _ = timeout(GOODBYE, held.join_next()).await;
    // Not before: as long as this process lives it reads keys that would be the shell's.
    drop(screen);
    ended
}

/// Signals that end the screen, and those that take it away for a while and give it back.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    quit: Signal,
    stop: Signal,
    go_on: Signal,
}

/// What a signal asks for.
enum Asks {
    /// To end, with this exit code: by convention 128 and the signal's number.
    End(u8),
    /// To leave the terminal to others for a while.
    Stop,
    /// To draw again, after somebody else had the terminal.
    GoOn,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            stop: signal(SignalKind::from_raw(process::Signal::TSTP.as_raw()))?,
            go_on: signal(SignalKind::from_raw(process::Signal::CONT.as_raw()))?,
        })
    }

    async fn next(&mut self) -> Asks {
        tokio::select! {
            _ = self.terminate.recv() => Asks::End(143),
            _ = self.interrupt.recv() => Asks::End(130),
            _ = self.hang_up.recv() => Asks::End(129),
            _ = self.quit.recv() => Asks::End(131),
            _ = self.stop.recv() => Asks::Stop,
            _ = self.go_on.recv() => Asks::GoOn,
        }
    }
}

/// A screen at work. Dropped, it gives the terminal back and lets the connection go.
struct Watching {
    state: State,
    screen: Screen,
    terminal: Terminal,
    orders: Sender<String>,
    news: Receiver<News>,
    drawn: Instant,
    /// When to draw what has changed since.
    draw_at: Option<Instant>,
}

impl Watching {
    fn new(
        server: String,
        screen: Screen,
        orders: Sender<String>,
        news: Receiver<News>,
    ) -> anyhow::Result<Watching> {
        let size = screen.size()?;
        let now = Instant::now();
        Ok(Watching {
            state: State::new(server, size, now),
            screen,
            terminal: Terminal {
                glyphs: Glyphs::of_terminal(),
                paint: Paint::stdout(),
            },
            orders,
            news,
            drawn: now,
            draw_at: Some(now),
        })
    }

    /// Lets the connection go.
    fn hang_up(self) -> Screen {
        self.screen
    }

    async fn until_over(&mut self, mut signals: Signals) -> anyhow::Result<u8> {
        let mut typed = Typed::listen().context("cannot read keys")?;
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let draw_at = self.draw_at;
            let time_to_draw = async {
                match draw_at {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                asks = signals.next() => match asks {
                    Asks::End(code) => return Ok(code),
                    Asks::Stop => {
                        self.screen.suspend()?;
                        self.draw_now();
                    }
                    Asks::GoOn => {
                        self.screen.take_again()?;
                        self.draw_now();
                    }
                },
                burst = typed.burst() => {
                    let burst = burst.context("cannot read keys")?;
                    match self.state.burst(&burst, Instant::now()) {
                        Next::Stay => {}
                        Next::Quit => return Ok(exit::DONE),
                        Next::Redraw => self.screen.redraw()?,
                        // All of the shell's job, as a terminal does; this process is told by the signal.
                        Next::Suspend => process::kill_current_process_group(process::Signal::TSTP)?,
                    }
                    self.draw_now();
                }
                () = time_to_draw => self.draw()?,
                news = self.news.recv() => {
                    match news.context("the connection's task has ended")? {
                        News::Up => self.state.up(Instant::now()),
                        News::Said(said) => self.state.hear(said, Instant::now()),
                        News::Down(why) => self.state.down(why, Instant::now()),
                        News::Over(failure) => return Err(failure.into()),
                    }
                    self.draw_soon();
                }
                _ = seconds.tick() => if self.state.tick(Instant::now()) {
                    self.draw_soon();
                },
            }
            // Everything that follows from what happened, at the size that the screen has now.
            self.state.resize(self.screen.size()?);
            self.state.settle();
            // Never waited for here: the connection's task may be waiting for its news to be read. What
            // finds no room goes out after the next event, a second from now at the latest.
            for order in self.state.talk.take(self.orders.capacity()) {
                // A connection's task that has ended says so itself.
                let _ = self.orders.try_send(order);
            }
        }
    }

    fn draw_now(&mut self) {
        self.draw_at = Some(Instant::now());
    }

    fn draw_soon(&mut self) {
        let soon = self.drawn + BETWEEN_DRAWINGS;
        self.draw_at = Some(self.draw_at.map_or(soon, |at| at.min(soon)));
    }

    fn draw(&mut self) -> anyhow::Result<()> {
        (self.drawn, self.draw_at) = (Instant::now(), None);
        let (state, terminal) = (&self.state, self.terminal);
        self.screen
            .draw(|buffer| view::draw(state, terminal, buffer))?;
        Ok(())
    }
}
