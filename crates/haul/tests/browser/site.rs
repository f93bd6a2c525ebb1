//! A web site of somebody else: one empty page at every address.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

const PAGE: &str = "<!doctype html><title>a page</title><body>";

pub(crate) struct Site {
    port: u16,
    _served: AbortOnDropHandle<()>,
}

impl Site {
    pub(crate) async fn start() -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serve = async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{PAGE}",
                    PAGE.len()
                );
                // Browsers open connections in advance and leave them: nobody waits for those.
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    if stream.read(&mut head).await.is_ok_and(|count| count > 0) {
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                });
            }
        };
        Site {
            port,
            _served: AbortOnDropHandle::new(tokio::spawn(serve)),
        }
    }

    /// Its origin under this name.
    pub(crate) fn origin(&self, name: &str) -> String {
        format!("http://{name}:{}", self.port)
    }
}
