//! Who asks: every skin (REST, live WebSocket, text console) over the same commands.

use std::net::SocketAddr;
use std::path::PathBuf;

use haul_engine::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A language of the text console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lang {
    /// Russian, the original's.
    #[default]
    Ru,
    /// English.
    En,
}

/// Whether the console takes URLs while a batch runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Batches {
    /// At any time.
    #[default]
    Any,
    /// Like the original: not before the last batch has finished.
    One,
}

/// The server's certificate chain and key, PEM files.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What the server is told at its start.
#[derive(Debug, Clone)]
pub(crate) struct ApiOptions {
    /// The names and addresses under which it is reached, for the `Host` check.
    pub(crate) host: String,
    /// Required of every request when set.
    pub(crate) token: Option<String>,
    /// Origins of other pages that may call.
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) lang: Lang,
    pub(crate) console_batches: Batches,
}

/// Serves until `stop` is cancelled, then closes every WebSocket with 1001 and returns.
pub(crate) async fn serve(
    engine: Engine,
    options: ApiOptions,
    tls: Option<TlsFiles>,
    listeners: Vec<(SocketAddr, TcpListener)>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let _ = (engine, options, tls, listeners, stop);
    anyhow::bail!("not yet")
}
