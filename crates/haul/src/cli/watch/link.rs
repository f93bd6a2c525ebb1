//! The connection to the daemon, held as long as the screen is: made again when it breaks, ever more
//! slowly. Carries messages both ways and knows nothing of what they say.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value as Json;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::cli::client::{Server, Socket};
use crate::cli::exit::{self, Failure};

/// Where the daemon is spoken to.
pub(super) const PATH: &str = "api/v1/ws";

const SHORTEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The daemon pings after 20 s; one that is silent for so long is gone, or the network is.
const SILENCE: Duration = Duration::from_secs(50);
/// A daemon that is stopped takes nothing.
const SENDING: Duration = Duration::from_secs(10);

/// What the screen is told.
#[derive(Debug)]
pub(super) enum News {
    /// The daemon is there, and knows nothing of what it was asked before.
    Up,
    /// A message of the daemon.
    Said(Json),
    /// The daemon is not there, for this reason; it is looked for again.
    Down(String),
    /// It will not be there: it refuses us.
    Over(Failure),
}

/// The screen has gone.
struct Gone;

/// Carries `orders` to the daemon and its messages to `news`, over `first` and every connection after
/// that, until the screen drops its ends.
pub(super) async fn hold(
    server: Server,
    first: Socket,
    mut orders: Receiver<String>,
    news: Sender<News>,
) {
    let held = async {
        let mut socket = first;
        loop {
            tell(&news, News::Up).await?;
            let why = converse(socket, &mut orders, &news).await?;
            tell(&news, News::Down(why)).await?;
            socket = again(&server, &mut orders, &news).await?;
        }
    };
    let ended: Result<(), Gone> = held.await;
    drop(ended);
}

async fn tell(news: &Sender<News>, told: News) -> Result<(), Gone> {
    news.send(told).await.map_err(|_| Gone)
}

/// Carries messages until the connection breaks; returns why.
async fn converse(
    mut socket: Socket,
    orders: &mut Receiver<String>,
    news: &Sender<News>,
) -> Result<String, Gone> {
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(order) = order else {
                    // A daemon that does not answer the goodbye changes nothing.
                    let _ = timeout(SHORTEST_WAIT, socket.close(None)).await;
                    return Err(Gone);
                };
                match timeout(SENDING, socket.send(Message::text(order))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Ok(format!("the connection broke: {error}")),
                    Err(_) => return Ok("the daemon takes no messages".to_owned()),
                }
            }
            message = timeout(SILENCE, socket.next()) => match message {
                Ok(Some(Ok(Message::Text(text)))) => {
                    match serde_json::from_str(&text) {
                        Ok(said) => tell(news, News::Said(said)).await?,
                        Err(cause) => return Ok(format!("the daemon's message is not JSON: {cause}")),
                    }
                }
                Ok(Some(Ok(Message::Close(_))) | None) => return Ok("the daemon hung up".to_owned()),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return Ok(format!("the connection broke: {error}")),
                Err(_) => return Ok(format!("the daemon was silent for {} s", SILENCE.as_secs())),
            },
        }
    }
}

/// Connects again, as often as it takes.
async fn again(
    server: &Server,
    orders: &mut Receiver<String>,
    news: &Sender<News>,
) -> Result<Socket, Gone> {
    let mut wait = SHORTEST_WAIT;
    loop {
        // What was asked of the lost connection is nothing for the next one.
        let gone = async { while orders.recv().await.is_some() {} };
        tokio::select! {
            () = sleep(wait) => {}
            () = gone => return Err(Gone),
        }
        wait = (wait * 2).min(LONGEST_WAIT);
        match server.open(PATH, None).await {
            Ok(socket) => return Ok(socket),
            Err(failure) if failure.code == exit::NETWORK => {
                tell(news, News::Down(failure.message)).await?;
            }
            Err(failure) => {
                tell(news, News::Over(failure)).await?;
                return Err(Gone);
            }
        }
    }
}
