//! Pages that the daemon has not allowed, with everything that a page can try; and one that it has.

use std::path::Path;

use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::chromium::Tab;
use crate::site::Site;

const TOKEN: &str = "a-token-that-nobody-guesses";

struct World {
    daemon: Daemon,
    site: Site,
    _dir: TempDir,
}

impl World {
    async fn new(site: Site, arguments: &[&str]) -> World {
        let dir = TempDir::with_prefix("haul-browser-").expect("a directory");
        let program = Path::new(env!("CARGO_BIN_EXE_haul"));
        let daemon = Daemon::start(program, dir.path(), arguments).await;
        World {
            daemon,
            site,
            _dir: dir,
        }
    }

    /// Defines in the page what it tries things with.
    async fn arm(&self, tab: &mut Tab) {
        let tools = TOOLS.replace("DAEMON", self.daemon.url("/").trim_end_matches('/'));
        let tools = tools.replace("SOCKET", self.daemon.ws("/").trim_end_matches('/'));
        tab.value(&tools).await;
    }

    /// What became of the daemon: its downloads, and its limit.
    async fn harm(&self) -> Value {
        let bearer = format!("Bearer {TOKEN}");
        let ask = async |path: &str| {
            let headers = [("Authorization", bearer.as_str())];
            let url = self.daemon.url(path);
            let answer = http::request_with("GET", &url, &headers, b"").await;
            answer.expect("an answer").json()
        };
        let downloads = ask("/api/v1/downloads").await["total"].clone();
        let limit = ask("/api/v1/settings").await["speed_limit"].clone();
        json!([downloads, limit])
    }
}

/// Each try ends with what it got, or with `null`.
const TOOLS: &str = r#"
    window.url = path => "DAEMON" + path;
    window.add = JSON.stringify({urls: ["http://127.0.0.1:1/a"], paused: true});
    window.got = promise => promise.then(value => value ?? null, () => null);
    window.read = (path, options) => got(fetch(url(path), options).then(answer => answer.text()));
    window.tag = (name, address, more) => new Promise(done => {
        const tag = Object.assign(document.createElement(name), more);
        tag.onload = () => done("loaded");
        tag.onerror = () => done(null);
        tag[name == "link" ? "href" : name == "object" ? "data" : "src"] = url(address);
        document.body.append(tag);
    });
    window.socket = (path, protocols, say) => new Promise(done => {
        const socket = new WebSocket("SOCKET" + path, protocols);
        socket.onopen = () => say ? socket.send(say) : done("open");
        socket.onmessage = message => done(message.data);
        socket.onerror = socket.onclose = () => done(null);
    });
    window.events = path => new Promise(done => {
        const events = new EventSource(url(path));
        events.onopen = events.onmessage = () => done("open");
        events.onerror = () => done(null);
    });
    window.framed = address => new Promise(done => {
        const frame = document.createElement("iframe");
        frame.onload = () => {
            try { done(frame.contentDocument?.body.innerText ?? null) } catch { done(null) }
        };
        frame.src = url(address);
        document.body.append(frame);
    });
    window.form = (address, method, kind, name, value) => new Promise(done => {
        const frame = document.createElement("iframe");
        frame.name = "f" + Math.random();
        document.body.append(frame);
        frame.onload = () => done(null);
        const form = document.createElement("form");
        Object.assign(form, {action: url(address), method, enctype: kind, target: frame.name});
        const field = document.createElement("input");
        Object.assign(field, {name, value});
        form.append(field);
        document.body.append(form);
        form.submit();
    });
    null
"#;

/// Everything that could bring an answer of the daemon into a page.
const READS: &str = r#"(async () => {
    const tried = {};
    for (const path of ["/", "/api/v1/downloads", "/api/v1/stats", "/healthz", "/jsonrpc"]) {
        tried["fetch " + path] = await read(path);
        tried["with cookies " + path] = await read(path, {credentials: "include"});
        tried["opaque " + path] = await read(path, {mode: "no-cors"}) || null;
        tried["frame " + path] = await framed(path);
        tried["picture " + path] = await tag("img", path);
        tried["script " + path] = await tag("script", path);
        tried["style " + path] = await tag("link", path, {rel: "stylesheet"});
        tried["object " + path] = await tag("object", path);
        tried["media " + path] = await tag("video", path);
    }
    tried.events = await events("/api/v1/events");
    for (const path of ["/", "/api/v1/ws", "/jsonrpc"])
        for (const offered of [[], ["haul.v1"], ["bearer.x"]])
            tried["socket " + path + offered] = await socket(path, offered);
    return Object.fromEntries(Object.entries(tried).filter(([, got]) => got !== null));
})()"#;

/// Everything that could make the daemon do something, read or not.
const COMMANDS: &str = r#"(async () => {
    const rpc = JSON.stringify({jsonrpc: "2.0", id: "1", method: "aria2.addUri",
                                params: [["http://127.0.0.1:1/a"]]});
    const coded = encodeURIComponent(btoa('[["http://127.0.0.1:1/a"]]'));
    const get = "/jsonrpc?method=aria2.addUri&id=1&params=" + coded;
    for (const mode of ["no-cors", "cors"])
        for (const [path, body] of [["/api/v1/downloads", add], ["/jsonrpc", rpc]])
            for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json"])
                await read(path, {method: "POST", mode, body, credentials: "include",
                                  headers: {"Content-Type": type}});
    for (const method of ["PATCH", "PUT", "DELETE"])
        await read("/api/v1/settings", {method, body: '{"speed_limit":1}'});
    navigator.sendBeacon(url("/api/v1/downloads"), add);
    await read(get, {mode: "no-cors", credentials: "include"});
    await tag("img", get);
    await tag("script", get + "&jsoncallback=alert");
    await framed(get);
    await form("/api/v1/downloads", "post", "text/plain",
               add.slice(0, -1) + ', "name": "', '"}');
    await form("/jsonrpc", "post", "text/plain", rpc.slice(0, -1) + ', "x": "', '"}');
    await form("/jsonrpc", "get", "", "method", "aria2.addUri");
    await socket("/", [], "start");
    await socket("/api/v1/ws", ["haul.v1"], '{"jsonrpc":"2.0","id":1,"method":"settings.set","params":{"speed_limit":1}}');
    await socket("/jsonrpc", [], rpc);
    return null;
})()"#;

/// What a page of another site wants, it does not get; at the end the daemon is as it was.
async fn gets_nothing(mut tab: Tab, world: &World, page: &str) {
    tab.open(page).await;
    world.arm(&mut tab).await;
    assert_eq!(tab.value(READS).await, json!({}), "{page}");
    tab.value(COMMANDS).await;
    assert_eq!(world.harm().await, json!([0, 0]), "{page}");
}

pub(crate) async fn a_page_of_another_site_reads_nothing(mut tab: Tab) {
    let world = World::new(Site::start().await, &[]).await;
    tab.open(&world.site.origin("evil.example")).await;
    world.arm(&mut tab).await;
    let read = tab.value(READS).await;
    assert_eq!(read, json!({}));
}

pub(crate) async fn a_page_of_another_site_commands_nothing(tab: Tab) {
    let world = World::new(Site::start().await, &[]).await;
    let page = world.site.origin("evil.example");
    gets_nothing(tab, &world, &page).await;
}

pub(crate) async fn a_page_on_another_port_of_the_same_host_reads_and_commands_nothing(
    mut tab: Tab,
) {
    let world = World::new(Site::start().await, &["--token", TOKEN]).await;
    // The browser has the daemon's cookie, and sends it for every page of the host.
    tab.open(&world.daemon.url(&format!("/?token={TOKEN}")))
        .await;
    let page = world.site.origin("127.0.0.1");
    gets_nothing(tab, &world, &page).await;
}

pub(crate) async fn a_name_rebound_to_the_daemon_reaches_nothing(mut tab: Tab) {
    let world = World::new(Site::start().await, &[]).await;
    let rebound = format!("http://rebound.example:{}", world.daemon.port());
    for path in ["/", "/api/v1/downloads", "/healthz"] {
        tab.open(&format!("{rebound}{path}")).await;
        let seen = tab.text().await;
        assert!(seen.contains("host_refused"), "{path}: {seen}");
    }
    assert_eq!(world.harm().await, json!([0, 0]));
}

pub(crate) async fn an_allowed_page_reads_commands_and_watches(mut tab: Tab) {
    let site = Site::start().await;
    let page = site.origin("friend.example");
    let world = World::new(site, &["--allowed-origins", &page, "--token", TOKEN]).await;
    tab.open(&page).await;
    world.arm(&mut tab).await;
    let by = format!("{{headers: {{Authorization: 'Bearer {TOKEN}'}}}}");
    let stats = tab.value(&format!("read('/api/v1/stats', {by})")).await;
    assert!(
        stats
            .as_str()
            .is_some_and(|text| text.contains("free_space")),
        "{stats}"
    );
    let post = format!(
        "read('/api/v1/downloads', {{method: 'POST', body: add, headers: \
         {{Authorization: 'Bearer {TOKEN}', 'Content-Type': 'application/json'}}}})"
    );
    let added = tab.value(&post).await;
    assert!(
        added.as_str().is_some_and(|text| text.contains("paused")),
        "{added}"
    );
    assert_eq!(world.harm().await, json!([1, 0]));
    let stats = r#"'{"jsonrpc":"2.0","id":1,"method":"stats"}'"#;
    for (path, offered, say) in [
        (
            "/api/v1/ws",
            format!("['haul.v1', 'bearer.{TOKEN}']"),
            stats,
        ),
        ("/api/v1/ws", format!("['bearer.{TOKEN}']"), stats),
        ("/", format!("['bearer.{TOKEN}']"), "'queue'"),
    ] {
        let said = tab
            .value(&format!("socket('{path}', {offered}, {say})"))
            .await;
        assert!(said.is_string(), "{path} {offered}");
    }
    // Without the token it is as far away as any other.
    assert_eq!(
        tab.value("socket('/api/v1/ws', ['haul.v1'])").await,
        Value::Null
    );
}

pub(crate) async fn a_token_in_an_address_becomes_a_cookie_that_no_script_sees(mut tab: Tab) {
    let world = World::new(Site::start().await, &["--token", TOKEN]).await;
    tab.open(&world.daemon.url("/")).await;
    assert!(tab.text().await.contains("token"));
    // As from a mail: a link in another site's page.
    let link = world.daemon.url(&format!("/?token={TOKEN}"));
    tab.open(&world.site.origin("mail.example")).await;
    let before = tab.value("history.length").await;
    let before = before.as_u64().expect("a number");
    tab.follow(&link).await;
    let address = tab.value("location.href").await;
    assert_eq!(address, json!(world.daemon.url("/")));
    let shown = tab.text().await;
    assert!(!shown.contains("unauthorized"), "{shown}");
    let after = tab.value("history.length").await.as_u64();
    assert_eq!(after, Some(before + 1), "nor is it in the history");
    // As from a terminal.
    tab.open(&link).await;
    assert_eq!(tab.value("location.href").await, address);
    let kept = "(() => { try { return document.cookie } catch { return '' } })()";
    assert_eq!(tab.value(kept).await, "");
    tab.open(&world.daemon.url("/api/v1/stats")).await;
    assert!(tab.text().await.contains("free_space"));
    let said = world.daemon.said();
    assert!(!said.contains(TOKEN), "{said}");
}
