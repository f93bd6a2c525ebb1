//! A TCP relay between a client and a server whose line can be cut and mended: while it is cut no
//! connection can be made, and those that were made are reset. It does not look at the bytes.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// A line to a server.
pub struct Relay {
    server: SocketAddr,
    address: SocketAddr,
    /// `None` while it is cut.
    line: Option<AbortOnDropHandle<()>>,
}

impl Relay {
    /// A line to `server`, which is up.
    ///
    /// # Panics
    /// When no port can be had on the loopback address.
    pub async fn to(server: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let line = Some(run(listener, server));
        Relay {
            server,
            address,
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
        self.line = Some(run(listener.expect("the port of before"), self.server));
    }
}

fn run(listener: TcpListener, server: SocketAddr) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
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
