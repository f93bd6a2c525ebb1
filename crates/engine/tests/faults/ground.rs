//! What a case is played on: the origins that its URL needs, a running engine in a folder of its own,
//! and silence on an address when one is to be dead. Knows nothing of the table.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use haul_engine::disk::RealDisk;
use haul_engine::store::MemoryStore;
use haul_engine::{Config, Engine, Id, View};
use haul_testkit::origin::{Certificate, Origin};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use url::Url;

use crate::row::Row;

/// Real time divided by this. Much more, and a busy machine looks like a silent server.
const SCALE: u32 = 50;

/// Names that the engine is told the addresses of. The origin is on the last one, if any.
const HOSTS: [(&str, &[&str]); 5] = [
    ("refused-first.test", &[REFUSING, ORIGIN]),
    ("silent-first.test", &[SILENT, ORIGIN]),
    ("refused.test", &[REFUSING]),
    ("silent.test", &[SILENT]),
    ("private.test", &[ORIGIN]),
];
const ORIGIN: &str = "127.0.0.1";
/// Nothing listens there.
const REFUSING: &str = "127.0.0.4";
/// It takes no connections and refuses none.
const SILENT: &str = "127.0.0.3";

/// The servers of one case.
pub(crate) struct Ground {
    pub(crate) origin: Origin,
    /// Another host, when the knobs speak of `{other}` or there is a mirror.
    other: Option<Origin>,
    /// A host that speaks TLS, when the knobs speak of `{secure}`.
    secure: Option<Origin>,
    /// Held for its drop.
    _silence: Option<Silence>,
    folder: TempDir,
}

impl Ground {
    pub(crate) async fn prepare(row: &Row) -> Ground {
        let needs = |what: &str| row.knobs.contains(what);
        let origin = match row.tls {
            Some(certificate) => Origin::start_tls_with(certificate).await,
            None => Origin::start().await,
        };
        let ground = Ground {
            _silence: match row.host.is_some_and(|host| host.starts_with("silent")) {
                true => Some(Silence::beside(&origin).await),
                false => None,
            },
            origin,
            other: match needs("{other}") || row.mirror.is_some() {
                true => Some(Origin::start_on("127.0.0.2:0").await),
                false => None,
            },
            secure: match needs("{secure}") {
                true => Some(Origin::start_tls_with(Certificate::Right).await),
                false => None,
            },
            folder: tempfile::tempdir().expect("a folder"),
        };
        if let Some(tls) = ground.speaker_of_tls() {
            std::fs::write(ground.ca_file(), tls.ca_pem()).expect("written");
        }
        ground
    }

    fn speaker_of_tls(&self) -> Option<&Origin> {
        let is_tls = self.origin.url("/").scheme() == "https";
        is_tls.then_some(&self.origin).or(self.secure.as_ref())
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The row's URL with these knobs.
    pub(crate) fn url(&self, row: &Row, knobs: &str) -> Url {
        let mut url = self.origin.url(&format!("{}?{knobs}", row.path));
        if let Some(host) = row.host {
            url.set_host(Some(host))
                .expect("the table's hosts are names");
        }
        url
    }

    /// The row's second source.
    pub(crate) fn mirrors(&self, row: &Row) -> Vec<Url> {
        let mirror = self.other.as_ref().zip(row.mirror);
        let url = |(other, knobs): (&Origin, &str)| other.url(&format!("{}?{knobs}", row.path));
        mirror.map(url).into_iter().collect()
    }

    /// Fills in what is known only now: `{origin}`, `{other}` and `{secure}` as URLs without a path,
    /// `{soon}` as the date in two seconds.
    pub(crate) fn fill(&self, knobs: &str) -> String {
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
        let mut filled = knobs.replace("{soon}", &encoded(&soon));
        let origins = [
            ("{origin}", Some(&self.origin)),
            ("{other}", self.other.as_ref()),
            ("{secure}", self.secure.as_ref()),
        ];
        for (mark, origin) in origins {
            let Some(origin) = origin else { continue };
            let url = origin.url("");
            let root = url.as_str().trim_end_matches('/');
            filled = filled.replace(mark, &encoded(root));
        }
        filled
    }

    /// What is wrong with the knobs that the origins were given.
    pub(crate) fn unknown_knobs(&self) -> Vec<String> {
        let all = [
            Some(&self.origin),
            self.other.as_ref(),
            self.secure.as_ref(),
        ];
        all.into_iter()
            .flatten()
            .flat_map(Origin::unknown_knobs)
            .collect()
    }

    /// The engine's settings: time fifty times as fast, blocks so small that many are at work.
    pub(crate) fn config(&self, row: &Row) -> Config {
        let root = self.folder.path();
        let mut config = Config::new(self.files(), root.join("state"));
        config.connect_timeout /= SCALE;
        config.read_timeout /= SCALE;
        config.retry_wait /= SCALE;
        config.retry_wait_max /= SCALE;
        config.min_free_space = 0;
        config.settings.threads = 3;
        config.settings.block_size = 32 << 10;
        config.hosts = HOSTS
            .iter()
            .map(|(name, ips)| ((*name).to_owned(), addresses(ips)))
            .collect();
        config.ca_file = self.speaker_of_tls().map(|_| self.ca_file());
        (row.tune)(&mut config, self);
        config
    }

    pub(crate) async fn engine(&self, config: Config) -> Engine {
        std::fs::create_dir_all(&config.state_dir).expect("a folder");
        let store = Arc::new(MemoryStore::new());
        let engine = Engine::start_on(Arc::new(RealDisk), config, store, Handle::current());
        engine.await.expect("an engine")
    }

    /// Puts files with some bytes where downloads will be delivered.
    pub(crate) fn place(&self, names: &[&str]) {
        for name in names {
            std::fs::create_dir_all(self.files()).expect("a folder");
            std::fs::write(self.files().join(name), b"there before").expect("written");
        }
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.path().join("state/scratch")
    }
}

fn addresses(ips: &[&str]) -> Vec<IpAddr> {
    ips.iter()
        .map(|ip| ip.parse().expect("an address"))
        .collect()
}

/// A text as a knob's value.
pub(crate) fn encoded(text: &str) -> String {
    encoded_bytes(text.as_bytes())
}

/// Any bytes as a knob's value.
pub(crate) fn encoded_bytes(bytes: &[u8]) -> String {
    percent_encode(bytes, NON_ALPHANUMERIC).to_string()
}

/// Waits until a download looks like that; `None` when that takes too long.
pub(crate) async fn until(
    engine: &Engine,
    id: Id,
    patience: Duration,
    looks: impl Fn(&View) -> bool,
) -> Option<Arc<View>> {
    let mut watcher = engine.live().watch();
    let waiting = async {
        loop {
            watcher.take();
            if let Some(view) = engine.live().get(id).filter(|view| looks(view)) {
                return view;
            }
            watcher.changed().await;
        }
    };
    tokio::time::timeout(patience, waiting).await.ok()
}

/// An address that answers to nobody, until dropped: its queue of connections is full.
struct Silence {
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Silence {
    /// On the origin's port.
    async fn beside(origin: &Origin) -> Silence {
        let ip: IpAddr = SILENT.parse().expect("an address");
        let address = SocketAddr::new(ip, origin.address().port());
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(address).expect("a free address");
        let listener = socket.listen(1).expect("a listener");
        let mut queue = Vec::new();
        let patience = Duration::from_millis(100);
        while let Ok(tcp) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
            queue.push(tcp.expect("a place in the queue"));
        }
        Silence {
            _listener: listener,
            _queue: queue,
        }
    }
}
