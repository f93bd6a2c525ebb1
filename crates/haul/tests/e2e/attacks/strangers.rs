//! What whoever has not shown the token can hold at `/jsonrpc`, and for how long.

use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::frames::{FIN, TEXT, code, frame, upgrade};
use super::{SOON, TOKEN, WITH_TOKEN, connect};
use crate::world::{World, until};

/// So many places has one machine.
const OF_ONE: usize = 32;

/// A socket of a stranger at this address of ours, or the head of the refusal.
async fn knock(daemon: &Daemon, from: [u8; 4]) -> Result<TcpStream, String> {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = (from, 0).into();
    socket.bind(from).expect("all of 127.0.0.0/8 is ours");
    let to = ([127, 0, 0, 1], daemon.port()).into();
    let stream = socket.connect(to).await.expect("the daemon listens");
    upgrade(daemon, stream, "/jsonrpc").await
}

/// The text of the next message.
async fn hear(stream: &mut TcpStream) -> String {
    let reading = async {
        assert_eq!(stream.read_u8().await?, FIN | TEXT);
        let len = match stream.read_u8().await? {
            126 => stream.read_u16().await?,
            len => len.into(),
        };
        let mut text = vec![0; len.into()];
        stream.read_exact(&mut text).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&text).into_owned())
    };
    let heard = timeout(SOON, reading).await.expect("in time");
    heard.expect("a message")
}

async fn version(stream: &mut TcpStream) -> String {
    let call = format!(r#"{{"id":1,"method":"aria2.getVersion","params":["token:{TOKEN}"]}}"#);
    let sent = stream.write_all(&frame(FIN | TEXT, call.as_bytes())).await;
    sent.expect("sent");
    hear(stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_show_the_token_leaves_places_to_others_and_is_sent_away() {
    let world = World::new();
    let daemon = world.daemon(&WITH_TOKEN).await;
    let mut held = Vec::new();
    for _ in 0..OF_ONE {
        held.push(knock(&daemon, [127, 0, 0, 1]).await.expect("a place"));
    }
    let refused = knock(&daemon, [127, 0, 0, 1]).await.expect_err("no place");
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    let mut known = knock(&daemon, [127, 0, 0, 2])
        .await
        .expect("another machine");
    assert!(version(&mut known).await.contains("result"));

    // One that asks on and on is no better known by that.
    let busy = held.pop().expect("many");
    let (mut reader, mut writer) = busy.into_split();
    let call = frame(FIN | TEXT, br#"{"id":1,"method":"system.listMethods"}"#);
    let asking = async {
        while writer.write_all(&call).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        () = asking => unreachable!("it never ends"),
        code = code(&mut reader) => code,
    };
    assert_eq!(ended, 1008);
    for mut silent in held {
        assert_eq!(code(&mut silent).await, 1008);
    }
    // The last place is given back once the daemon has seen that its client has left.
    until("a place again", async || {
        knock(&daemon, [127, 0, 0, 1]).await.ok().map(drop)
    })
    .await;
    assert!(version(&mut known).await.contains("result"), "it may stay");
    until("a line for who was sent away", async || {
        let said = daemon.said();
        let mut lines = said.lines();
        let line = lines.find(|line| line.contains("closed"))?;
        line.contains("unauthorized").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_of_strangers_are_held_until_they_are_answered() {
    let world = World::new();
    let daemon = world.daemon(&WITH_TOKEN).await;
    let port = daemon.port();
    let head = format!(
        "POST /jsonrpc HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Length: 9\r\n\r\n"
    );
    let mut held = Vec::new();
    for _ in 0..OF_ONE {
        let mut stream = connect(&daemon).await;
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(b"[{}]").await.expect("sent");
        held.push(stream);
    }
    let ask = async || {
        let answer = http::request("POST", &daemon.url("/jsonrpc"), b"[{}]").await;
        answer.expect("an answer").status
    };
    until("no place to be free", async || {
        (ask().await == 503).then_some(())
    })
    .await;
    // The first one sends the rest of its body, and has its answer.
    let mut first = held.remove(0);
    first.write_all(b"     ").await.expect("sent");
    let mut said = String::new();
    let read = timeout(SOON, first.read_to_string(&mut said)).await;
    read.expect("in time").expect("an answer");
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    assert_eq!(ask().await, 200, "its place is free");
    drop(held);
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str())];
    let known = http::request_with("POST", &daemon.url("/jsonrpc"), &headers, b"[{}]").await;
    assert_eq!(known.expect("an answer").status, 200);
}
