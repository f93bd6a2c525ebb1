//! A web site of somebody else: one empty page at every address, or the files of a directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

const PAGE: &str = "<!doctype html><title>a page</title><body>";

pub(crate) struct Site {
    port: u16,
    _served: AbortOnDropHandle<()>,
}

impl Site {
    /// One with an empty page.
    pub(crate) async fn start() -> Site {
        Site::serve(None).await
    }

    /// One with these files.
    pub(crate) async fn of(root: &Path) -> Site {
        Site::serve(Some(root.into())).await
    }

    async fn serve(root: Option<Arc<Path>>) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serve = async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let root = root.clone();
                // Browsers open connections in advance and leave them: nobody waits for those.
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    if let Ok(count @ 1..) = stream.read(&mut head).await {
                        let answer = answer(root.as_deref(), &head[..count]);
                        let _ = stream.write_all(&answer).await;
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

fn answer(root: Option<&Path>, head: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(head);
    let target = head.split(' ').nth(1).unwrap_or("/");
    let (status, kind, body) = match root {
        None => ("200 OK", "text/html", PAGE.as_bytes().to_vec()),
        Some(root) => match std::fs::read(file(root, target)) {
            Ok(body) => ("200 OK", kind(target), body),
            Err(_) => ("404 Not Found", "text/plain", b"no such file".to_vec()),
        },
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    [head.into_bytes(), body].concat()
}

/// The file of an address. Pages of tests lead nowhere else.
fn file(root: &Path, target: &str) -> PathBuf {
    let path = target.split('?').next().unwrap_or(target);
    match path.trim_start_matches('/') {
        "" => root.join("index.html"),
        path => root.join(path),
    }
}

/// Its type; a browser guesses that of all others.
fn kind(target: &str) -> &'static str {
    let path = target.split('?').next().unwrap_or(target);
    match path.rsplit_once('.') {
        None | Some((_, "html")) => "text/html",
        Some((_, "css")) => "text/css",
        Some((_, "js")) => "text/javascript",
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "txt")) => "text/plain; charset=utf-8",
        Some(_) => "application/octet-stream",
    }
}
