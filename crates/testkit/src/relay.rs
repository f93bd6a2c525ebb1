//! A TCP relay between a client and a server whose line can be cut and mended: while it is cut no
//! connection can be made, and those that were made are reset. It may have room for a few connections
//! only. It does not look at the bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// A line to a server.
pub struct Relay {
    server: SocketAddr,
    address: SocketAddr,
    room: Room,
    /// `None` while it is cut.
    line: Option<AbortOnDropHandle<()>>,
}

impl Relay {
    /// A line to `server`, which is up.
    ///
    /// # Panics
    /// When no port can be had on the loopback address.
    pub async fn to(server: SocketAddr) -> Relay {
        Relay::narrow(server, usize::MAX).await
    }

    /// A line to `server` with room for `most` connections at once: others are reset.
    ///
    /// # Panics
    /// When no port can be had on the loopback address.
    pub async fn narrow(server: SocketAddr, most: usize) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let room = Room {
            most,
            turned_away: Arc::default(),
        };
        let line = Some(run(listener, server, room.clone()));
        Relay {
            server,
            address,
            room,
            line,
        }
    }

    /// `url` as it is reached over this line.
    ///
    /// # Panics
    /// When `url` has no port to replace.
    pub fn url(&self, url: &Url) -> Url {
        let mut url = url.clone();
        let port = Some(self.address.port());
        url.set_port(port).expect("an http URL has a port");
        url
    }

    /// How many connections there was no room for.
    pub fn turned_away(&self) -> usize {
        self.room.turned_away.load(Ordering::SeqCst)
    }

    /// Cuts the line, and returns when it is.
    pub async fn cut(&mut self) {
        if let Some(line) = self.line.take() {
            line.abort();
            // It was aborted: that is how it ends.
            let _ = line.await;
        }
    }

    /// Mends the line.
    ///
    /// # Panics
    /// When its port was taken by another program meanwhile.
    pub async fn mend(&mut self) {
        let listener = TcpListener::bind(self.address).await;
        let listener = listener.expect("the port of before");
        self.line = Some(run(listener, self.server, self.room.clone()));
    }
}

/// How many connections there may be.
#[derive(Clone)]
struct Room {
    most: usize,
    turned_away: Arc<AtomicUsize>,
}

fn run(listener: TcpListener, server: SocketAddr, room: Room) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            if connections.len() >= room.most {
                let _ = client.set_zero_linger();
                drop(client);
                room.turned_away.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            connections.spawn(pass_on(client, server));
        }
    }))
}

async fn pass_on(mut client: TcpStream, server: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    // Either side may break off: then the other one sees it too.
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
