//! Real servers for end-to-end tests: nginx and Python's `http.server`, each on a free port of
//! 127.0.0.1, each ended when dropped. They know nothing of haul.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use url::Url;

use crate::child::{Child, python};
use crate::origin::{Asked, Pem, asked, path_of};

const PATIENCE: Duration = Duration::from_secs(20);
const INSTALL_NGINX: &str = "install it with `apt-get install nginx-light`";
const INSTALL_PYTHON: &str =
    "install it with `apt-get install python3`, or name one in HAUL_TEST_PYTHON";

/// A running nginx that serves a directory.
pub struct Nginx {
    child: Child,
    scheme: &'static str,
    port: u16,
    /// Holds its files; removed with it.
    _prefix: tempfile::TempDir,
}

/// How nginx serves.
#[derive(Debug, Clone, Default)]
pub struct NginxOptions {
    /// Bytes/s for each connection; 0 is no limit.
    pub limit_rate: u64,
    /// More directives for the `server` block, each ended with `;`.
    pub directives: String,
    /// Whether [`Nginx::log`] has anything to tell.
    pub access_log: AccessLog,
    /// Speaks TLS 1.3, and nothing else, with this certificate.
    pub tls: Option<Pem>,
}

/// What becomes of the list of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// It is collected.
    #[default]
    Kept,
    /// It is not written: for measurements, which it would slow down.
    Off,
}

/// One line of nginx's access log, written when the answer was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// nginx's serial number of the connection.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// The status sent.
    pub status: u16,
    /// The single range asked for.
    pub range: Option<Asked>,
    /// Bytes of the body sent.
    pub body_sent: u64,
}

impl Logged {
    /// The path without the query.
    pub fn path(&self) -> &str {
        path_of(&self.target)
    }

    fn parse(line: &str) -> Option<Logged> {
        let [connection, method, target, status, range, sent] =
            line.split('\t').collect::<Vec<_>>()[..]
        else {
            return None;
        };
        Some(Logged {
            connection: connection.parse().ok()?,
            method: method.to_owned(),
            target: target.to_owned(),
            status: status.parse().ok()?,
            range: asked(range),
            body_sent: sent.parse().ok()?,
        })
    }
}

impl Nginx {
    /// Serves the directory `root`.
    ///
    /// # Panics
    /// When nginx is missing (saying how to install it) or does not start (with its log).
    pub async fn start(root: &Path, options: NginxOptions) -> Nginx {
        // nginx cannot choose a free port itself; another program may take ours meanwhile.
        let mut complaint = String::new();
        for _ in 0..5 {
            match Nginx::try_start(root, &options).await {
                Ok(nginx) => return nginx,
                Err(why) => complaint = why,
            }
            if !complaint.contains("Address already in use") {
                break;
            }
        }
        panic!("nginx did not start; it said:\n{complaint}");
    }

    async fn try_start(root: &Path, options: &NginxOptions) -> Result<Nginx, String> {
        let port = free_port();
        let prefix = tempfile::tempdir().expect("a temporary directory can be made");
        let file = prefix.path().join("nginx.conf");
        let text = configuration(prefix.path(), root, port, options);
        let scheme = if options.tls.is_some() {
            "https"
        } else {
            "http"
        };
        std::fs::write(&file, text).expect("a temporary file can be written");

        let mut command = Command::new(nginx_program());
        command.arg("-p").arg(prefix.path()).arg("-c").arg(&file);
        command.args(["-e", "stderr"]);
        let child = Child::start(&mut command, INSTALL_NGINX);
        // The notice about descriptors follows the opening of the port.
        let ready = |line: &str| line.contains("getrlimit").then_some(());
        if child.stderr.find(0, PATIENCE, ready).await.is_none() {
            return Err(child.stderr.text());
        }
        Ok(Nginx {
            child,
            scheme,
            port,
            _prefix: prefix,
        })
    }

    /// The URL of a path below the root.
    pub fn url(&self, path: &str) -> Url {
        url_at(self.scheme, self.port, path)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The requests answered so far.
    pub fn log(&self) -> Vec<Logged> {
        let lines = self.child.stdout.all();
        lines
            .iter()
            .filter_map(|line| Logged::parse(line))
            .collect()
    }

    /// The log once it has `count` requests; nginx writes a request down a moment after the client
    /// has its last byte.
    ///
    /// # Panics
    /// With the log, when it never has that many.
    pub async fn wait_log(&self, count: usize) -> Vec<Logged> {
        let Some(last) = count.checked_sub(1) else {
            return self.log();
        };
        let any = |_: &str| Some(());
        if self.child.stdout.find(last, PATIENCE, any).await.is_none() {
            panic!("nginx logged not {count} requests but {:#?}", self.log());
        }
        self.log()
    }
}

/// A running `python3 -m http.server`: no ranges, no keep-alive, HTTP/1.0.
pub struct PythonServer {
    /// Held for its drop, which ends the server.
    child: Child,
    port: u16,
}

impl PythonServer {
    /// Serves the directory `root`.
    ///
    /// # Panics
    /// When Python is missing (saying how to install it) or does not start (with what it said).
    pub async fn start(root: &Path) -> PythonServer {
        let mut command = Command::new(python());
        command.args([
            "-u",
            "-m",
            "http.server",
            "--bind",
            "127.0.0.1",
            "--directory",
        ]);
        command.arg(root).arg("0");
        let child = Child::start(&mut command, INSTALL_PYTHON);
        let port = |line: &str| {
            let (_, rest) = line.split_once(" port ")?;
            rest.split(' ').next()?.parse().ok()
        };
        let Some((_, port)) = child.stdout.find(0, PATIENCE, port).await else {
            panic!(
                "python's http.server did not start; it said:\n{}",
                child.stderr.text()
            );
        };
        PythonServer { child, port }
    }

    /// The URL of a path below the root.
    pub fn url(&self, path: &str) -> Url {
        url_at("http", self.port, path)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it said about its requests, a line each.
    pub fn said(&self) -> String {
        self.child.stderr.text()
    }
}

fn url_at(scheme: &str, port: u16, path: &str) -> Url {
    let text = format!("{scheme}://127.0.0.1:{port}{path}");
    Url::parse(&text).unwrap_or_else(|why| panic!("{text} is not a URL: {why}"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener
        .local_addr()
        .expect("a listener has an address")
        .port()
}

/// nginx is often in a directory that is on the path of root only.
fn nginx_program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.push("/usr/sbin".into());
    let mut programs = places.into_iter().map(|place| place.join("nginx"));
    programs
        .find(|program| program.is_file())
        .unwrap_or_else(|| "nginx".into())
}

fn tls_directives(prefix: &Path, pem: &Pem) -> String {
    let (certificate, key) = (prefix.join("certificate.pem"), prefix.join("key.pem"));
    std::fs::write(&certificate, &pem.certificate).expect("a temporary file can be written");
    std::fs::write(&key, &pem.key).expect("a temporary file can be written");
    format!(
        "ssl_protocols TLSv1.3; ssl_certificate \"{}\"; ssl_certificate_key \"{}\";",
        certificate.display(),
        key.display()
    )
}

fn configuration(prefix: &Path, root: &Path, port: u16, options: &NginxOptions) -> String {
    let root = std::path::absolute(root).expect("a directory's path is not empty");
    let tls = options.tls.as_ref().map(|pem| tls_directives(prefix, pem));
    let (prefix, root) = (prefix.display(), root.display());
    let mut text = String::new();
    let mut line = |line: &str| writeln!(text, "{line}").expect("a string takes everything");
    // One process: it has one id to kill, and it keeps our rights to read the root.
    line("daemon off; master_process off; error_log stderr notice;");
    line(&format!("pid \"{prefix}/nginx.pid\";"));
    line("events { worker_connections 4096; }");
    line("http {");
    line(
        r#"log_format haul "$connection\t$request_method\t$request_uri\t$status\t$http_range\t$body_bytes_sent";"#,
    );
    line(match options.access_log {
        AccessLog::Kept => "access_log /dev/stdout haul;",
        AccessLog::Off => "access_log off;",
    });
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        line(&format!("{kind}_temp_path \"{prefix}/{kind}\";"));
    }
    line("sendfile on; tcp_nopush on; keepalive_requests 1000000;");
    line("types { text/html html; text/plain txt; } default_type application/octet-stream;");
    let with = if options.tls.is_some() { " ssl" } else { "" };
    line(&format!(
        "server {{ listen 127.0.0.1:{port}{with}; root \"{root}\";"
    ));
    line(&tls.unwrap_or_default());
    if options.limit_rate > 0 {
        line(&format!("limit_rate {};", options.limit_rate));
    }
    line(&options.directives);
    line("} }");
    text
}
