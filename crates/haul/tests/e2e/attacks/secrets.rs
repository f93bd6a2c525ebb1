//! Secrets that haul is given: they reach their own origin and nothing else, least of all a log.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use futures_util::{SinkExt, StreamExt};
use haul_testkit::http;
use haul_testkit::origin::Origin;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::world::{World, add, until, until_status};

const SECRET: &str = "s3cr3t";

#[tokio::test(flavor = "multi_thread")]
async fn the_console_says_no_password_and_understands_a_url_as_it_shows_it() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--lang", "en"]).await;
    let (mut console, _) = tokio_tungstenite::connect_async(daemon.ws("/"))
        .await
        .expect("the console is open");
    let mut says = async |line: String| {
        console.send(Message::text(line)).await.expect("sent");
        let said = console.next().await.expect("an answer").expect("a message");
        said.into_text().expect("text").to_string()
    };
    let url = |password: &str| {
        let url = origin.url("/a.bin?size=1M&seed=1&rate=1K").to_string();
        url.replacen("://", &format!("://user:{password}@"), 1)
    };
    let (whole, shown) = (url(SECRET), url("***"));
    add(&daemon, &whole, json!({"paused": true})).await;
    for given in [&whole, &shown] {
        let said = says(format!("pause {given}")).await;
        assert_eq!(said, format!("Paused: {shown}"));
    }
    let nobody = says(format!("pause {}", url("guess"))).await;
    // The same place for another password: now the lists show two downloads alike.
    add(&daemon, &url("other"), json!({"paused": true})).await;
    assert_eq!(says(format!("pause {shown}")).await, nobody);
    assert!(!nobody.contains("Paused:"), "{nobody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_the_log_however_much_is_logged() {
    let origin = Origin::start().await;
    let world = World::new();
    let daemon = world.daemon(&["--token", SECRET, "--log", "trace"]).await;
    let bearer = format!("Bearer {SECRET}");
    let url = origin.url("/a.bin?size=100K&seed=1&etag=%22x%22");
    let with_login = url
        .as_str()
        .replacen("://", &format!("://user:{SECRET}@"), 1);
    // What a redirect leads to is signed, and fails.
    let signed = format!("http%3A//127.0.0.1%3A1/signed%3Fsignature={SECRET}");
    let leading = origin
        .url(&format!("/l.bin?redirect_to={signed}"))
        .to_string();
    let lost = format!("http://user:{SECRET}@127.0.0.1:1/lost?key={SECRET}");
    let body = json!({
        "urls": [with_login, lost, leading, format!("ftp://u:{SECRET}@h/")],
        "headers": {"Cookie": SECRET, "Authorization": SECRET, "X-Key": SECRET},
    });
    let list = daemon.url("/api/v1/downloads");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let body = body.to_string();
    let added = http::request_with("POST", &list, &headers, body.as_bytes()).await;
    let added = added.expect("an answer");
    assert_eq!(added.status, 201, "{}", added.text());
    // The caller's own words come back; everything that is shown to others does not hold them.
    let shown: Value = added.json()["downloads"].clone();
    assert!(
        !shown.to_string().contains(&format!(":{SECRET}@")),
        "{shown}"
    );

    let page = http::request("GET", &daemon.url(&format!("/?token={SECRET}")), b"").await;
    let page = page.expect("an answer");
    assert_eq!(page.status, 303);
    assert_eq!(page.header("location"), Some("/"));
    let wrong = http::request("GET", &daemon.url(&format!("/?token={SECRET}x")), b"").await;
    assert_eq!(wrong.expect("an answer").status, 401);

    for (path, line) in [
        ("/", format!("start\n{with_login}\nend\nloading")),
        ("/api/v1/ws", format!(r#"{{"id":1,"method":"{SECRET}"}}"#)),
    ] {
        let mut request = daemon.ws(path).into_client_request().expect("a URL");
        let protocol = format!("bearer.{SECRET}").parse().expect("a value");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        // The client wants to hear which protocol was chosen, the daemon chooses none.
        let (mut socket, _) = match tokio_tungstenite::connect_async(request).await {
            Ok(open) => open,
            Err(why) => panic!("{path}: {why}"),
        };
        for line in line.lines() {
            socket.send(Message::text(line)).await.expect("sent");
        }
        let said = socket.next().await.expect("an answer").expect("a message");
        let said = said.into_text().expect("text");
        assert!(!said.contains(&format!(":{SECRET}@")), "{said}");
        drop(socket);
    }
    // As aria2's clients say it, taken and refused.
    for (method, params) in [
        (
            "aria2.addUri",
            json!([[with_login], {"header": format!("Cookie: {SECRET}"), "http-user": "me",
                "http-passwd": SECRET, "referer": with_login, "out": "c.bin"}]),
        ),
        (
            "aria2.addUri",
            json!([[with_login], {"all-proxy": format!("http://me:{SECRET}@proxy")}]),
        ),
        ("aria2.addUri", json!([[format!("ftp://u:{SECRET}@h/")]])),
        ("aria2.tellStatus", json!([SECRET])),
        (SECRET, json!([])),
        ("aria2.changeGlobalOption", json!([{"header": SECRET}])),
    ] {
        let token = json!(format!("token:{SECRET}"));
        let params: Vec<Value> = [token]
            .into_iter()
            .chain(params.as_array().expect("some").clone())
            .collect();
        let call = json!({"id": SECRET, "method": method, "params": params}).to_string();
        let said = http::request("POST", &daemon.url("/jsonrpc"), call.as_bytes()).await;
        said.expect("an answer");
    }
    // All downloads have come to an end by now, or at least to an attempt.
    until("all to be tried", async || {
        let shown = http::request_with("GET", &list, &headers[..1], b"").await;
        let list = shown.expect("an answer").json();
        assert!(!list.to_string().contains(&format!(":{SECRET}@")), "{list}");
        let all = list["downloads"].as_array().expect("a list").clone();
        let tried =
            |one: &Value| one["status"] == "completed" || one["attempts"].as_u64() > Some(0);
        all.iter().all(tried).then_some(())
    })
    .await;
    let said = daemon.said();
    assert!(said.contains("completed"), "it logs: {said}");
    let at = said.find(SECRET);
    let around = at.map(|at| &said[at.saturating_sub(300)..(at + 100).min(said.len())]);
    assert_eq!(around, None);
}

/// They edit what they are told: a mask would come back as the password.
#[tokio::test(flavor = "multi_thread")]
async fn aria2_s_clients_are_told_their_secrets_whole_and_nobody_else_is() {
    let world = World::new();
    let daemon = world.daemon(&[]).await;
    let ask = async |method: &str, params: Value| {
        let call = json!({"id": 1, "method": method, "params": params}).to_string();
        let answer = http::request("POST", &daemon.url("/jsonrpc"), call.as_bytes()).await;
        answer.expect("an answer").json()["result"].clone()
    };
    let url = |name: &str| format!("http://me:{SECRET}@127.0.0.1:1/{name}");
    let options =
        json!({"pause": "true", "header": format!("Cookie: {SECRET}"), "ftp-passwd": SECRET});
    let gid = ask("aria2.addUri", json!([[url("a"), url("b")], options])).await;
    let told = ask("aria2.getUris", json!([gid])).await;
    assert_eq!(
        (&told[0]["uri"], &told[1]["uri"]),
        (&json!(url("a")), &json!(url("b")))
    );
    let status = ask("aria2.tellStatus", json!([gid, ["files"]])).await;
    assert_eq!(status["files"][0]["uris"], told);
    let option = ask("aria2.getOption", json!([gid])).await;
    assert_eq!(option["header"], format!("Cookie: {SECRET}\n"));
    let change = json!([gid, 1, [told[1]["uri"]], [url("c")]]);
    assert_eq!(ask("aria2.changeUri", change).await, json!([1, 1]));

    ask(
        "aria2.changeGlobalOption",
        json!([{"save-session": "session.txt"}]),
    )
    .await;
    assert_eq!(ask("aria2.saveSession", json!([])).await, "OK");
    let session = world.files().join("session.txt");
    let saved = std::fs::read_to_string(&session).expect("the session");
    assert!(
        saved.contains(&format!("{}\t{}\n", url("a"), url("c"))),
        "{saved}"
    );
    let mode = std::fs::metadata(&session)
        .expect("the session")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let gid = gid.as_str().expect("a gid");
    for path in [
        format!("/api/v1/downloads/{gid}"),
        "/api/v1/downloads".to_owned(),
    ] {
        let shown = http::request("GET", &daemon.url(&path), b"").await;
        let shown = shown.expect("an answer").text();
        assert!(shown.contains("***") && !shown.contains(SECRET), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_stay_with_their_origin_when_it_redirects_to_another_port() {
    let (home, away) = (Origin::start().await, Origin::start().await);
    let world = World::new();
    let netrc = world.path("netrc");
    std::fs::write(&netrc, "machine 127.0.0.1 login n password s3cr3t\n").expect("a file");
    std::fs::set_permissions(&netrc, Permissions::from_mode(0o600)).expect("set");
    let daemon = world
        .daemon(&["--netrc", "netrc", "--header", "X-Config: s3cr3t"])
        .await;
    let elsewhere = away.url("/b.bin?size=100K&seed=2");
    let mut leading = home.url("/a.bin");
    let elsewhere = elsewhere.as_str().replace('?', "%3F").replace('&', "%26");
    leading.set_query(Some(&format!("redirect_to={elsewhere}")));
    let mut with_login = leading.clone();
    with_login.set_username("user").expect("a user");
    with_login.set_password(Some(SECRET)).expect("a password");
    let headers = json!({"Authorization": SECRET, "Cookie": SECRET, "X-Key": SECRET});
    for (url, options) in [
        (leading.as_str(), json!({"headers": headers})),
        (leading.as_str(), json!({})),
        (with_login.as_str(), json!({})),
    ] {
        let id = add(&daemon, url, options).await;
        let done = until_status(&daemon, &id, "completed").await;
        let last = done["final_url"].as_str().expect("a URL");
        assert!(last.contains("/b.bin") && !last.contains(SECRET), "{last}");
    }
    let names = ["authorization", "cookie", "x-key", "x-config"];
    let told = |origin: &Origin, name: &str| {
        let log = origin.log();
        log.iter()
            .filter(|seen| seen.header(name).is_some())
            .count()
    };
    assert_eq!(names.map(|name| told(&away, name)), [0; 4]);
    let home = names.map(|name| told(&home, name));
    assert!(home.iter().all(|count| *count > 0), "{home:?}");
}
