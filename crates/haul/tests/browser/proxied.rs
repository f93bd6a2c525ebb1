//! The daemon behind nginx, which adds TLS, set up as `docs/operating.md` says.

use std::path::Path;

use haul_testkit::daemon::Daemon;
use haul_testkit::origin::{Certificate, Pem};
use haul_testkit::servers::{Nginx, NginxOptions};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::chromium::Tab;
use crate::site::Site;

const TOKEN: &str = "a-token-that-nobody-guesses";

/// Where the daemon of the documentation listens.
const DOCUMENTED: &str = "127.0.0.1:8765";

/// A page of the same origin that may run what the test gives it.
const PLAIN: &str = "location = /plain { default_type text/html; return 200 '<body>'; }";

/// The `location` of the recipe.
fn recipe() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, block) = page.split_once("```nginx\n").expect("a recipe");
    let (block, _) = block.split_once("```").expect("its end");
    let begin = block.find("location / {").expect("a location");
    let end = begin + block[begin..].find('}').expect("its end") + 1;
    assert!(block[begin..end].contains(DOCUMENTED), "{block}");
    block[begin..end].to_owned()
}

/// Hands connections on to the port that is told later: the proxy has to know the daemon's address, and
/// the daemon that of the proxy.
async fn relay(port: watch::Receiver<u16>) -> (String, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let relaying = tokio::spawn(async move {
        loop {
            let (mut from, _) = listener.accept().await.expect("a connection");
            let port = *port.borrow();
            tokio::spawn(async move {
                if let Ok(mut to) = TcpStream::connect(("127.0.0.1", port)).await {
                    let _ = copy_bidirectional(&mut from, &mut to).await;
                }
            });
        }
    });
    (address, AbortOnDropHandle::new(relaying))
}

pub(crate) async fn behind_the_proxy_of_the_documentation_our_own_page_works_and_no_other_does(
    mut tab: Tab,
) {
    let (told, port) = watch::channel(0);
    let (address, _relaying) = relay(port).await;
    let dir = TempDir::with_prefix("haul-browser-").expect("a directory");
    let options = NginxOptions {
        directives: format!("{} {PLAIN}", recipe().replace(DOCUMENTED, &address)),
        tls: Some(Pem::issue(Certificate::Right)),
        ..NginxOptions::default()
    };
    let nginx = Nginx::start(dir.path(), options).await;
    let page = format!("https://dl.example:{}", nginx.port());
    let program = Path::new(env!("CARGO_BIN_EXE_haul"));
    let arguments = ["--token", TOKEN, "--allowed-origins", &page];
    let daemon = Daemon::start(program, dir.path(), &arguments).await;
    told.send_replace(daemon.port());

    tab.trust().await;
    tab.open(&format!("{page}/?token={TOKEN}")).await;
    assert_eq!(tab.value("location.href").await, json!(format!("{page}/")));
    let cookies = tab.cookies().await;
    assert_eq!(cookies[0]["secure"], true, "{cookies}");
    assert_eq!(cookies[0]["sameSite"], "Strict", "{cookies}");

    // What our own page does: reading, changing, watching.
    tab.open(&format!("{page}/plain")).await;
    let read = "fetch('/api/v1/stats').then(answer => answer.status)";
    assert_eq!(tab.value(read).await, 200);
    let change = "fetch('/api/v1/settings', {method: 'PATCH', body: '{\"speed_limit\": 7}'})\
                  .then(answer => answer.status)";
    assert_eq!(tab.value(change).await, 200);
    let large = "fetch('/api/v1/downloads', {method: 'POST', body: ' '.repeat(4 << 20)})\
                 .then(answer => answer.json()).then(problem => problem.code)";
    assert_eq!(
        tab.value(large).await,
        "invalid_json",
        "the daemon's own word"
    );
    let watch = "new Promise(done => {
        const socket = new WebSocket('/api/v1/ws', ['haul.v1']);
        socket.onopen = () => socket.send('{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"settings.get\"}');
        socket.onmessage = said => done(JSON.parse(said.data).result.speed_limit);
        socket.onerror = () => done(null);
    })";
    assert_eq!(tab.value(watch).await, 7);
    let events = "new Promise(done => {
        const events = new EventSource('/api/v1/events');
        events.onopen = () => done('open');
        events.onerror = () => done(null);
    })";
    assert_eq!(tab.value(events).await, "open");

    // Another site's page, in the same browser with the same cookie.
    let site = Site::start().await;
    tab.open(&site.origin("evil.example")).await;
    let got = format!(
        "fetch('{page}/api/v1/stats', {{credentials: 'include'}}).then(() => 1, () => null)"
    );
    assert_eq!(tab.value(&got).await, json!(null));
    let got = format!(
        "new Promise(done => {{
            const socket = new WebSocket('{}/api/v1/ws', ['haul.v1']);
            socket.onopen = () => done('open');
            socket.onerror = () => done(null);
        }})",
        page.replacen("https", "wss", 1)
    );
    assert_eq!(tab.value(&got).await, json!(null));
}
