//! Connections made ahead: what becomes of one that is refused, and of one that is closed before its
//! first request.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use url::Url;

use crate::http::Ask;
use crate::http::conn::Conn;
use crate::http::dial::Dialer;
use crate::http::reach;
use crate::http::script::{Reply, Server, client, config, read};
use crate::limit::{Ahead, Coming, Host, Limits, Owner};

fn dialer() -> Arc<Dialer> {
    Arc::new(Dialer::new(&config()).expect("a dialer"))
}

#[tokio::test]
async fn one_that_is_refused_says_nothing_of_the_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let url = Url::parse(&format!("http://{address}/")).expect("a URL");
    let limits = Limits::new(&config().settings);
    let most = limits.most_to(&url);
    let grant = limits.acquire_at_once(&Host::of(&url), Owner::Nobody);
    assert!(
        reach(dialer(), url.clone(), grant.expect("free"))
            .await
            .is_none()
    );
    assert_eq!((limits.open_now(), limits.most_to(&url)), (0, most));
}

/// Some servers close what they have too many of only when it is there.
#[tokio::test]
async fn one_that_was_closed_meanwhile_is_replaced() {
    let closes = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let (client, limits) = client(&config());
    let url = server.url("/");
    let elsewhere = format!("http://{}/", closes.local_addr().expect("an address"));
    let wire = dialer()
        .dial(&Url::parse(&elsewhere).expect("a URL"), &Notify::new())
        .await
        .expect("connected");
    drop(closes.accept().await.expect("it is there"));
    let host = Host::of(&url);
    let mut grant = limits.acquire_at_once(&host, Owner::Nobody).expect("free");
    grant.parked = Some(Box::new(Conn::over(wire).await.expect("a connection")));
    let mut grant = Some(grant);
    let ahead = Ahead::default();
    ahead.allow(1);
    ahead.begin(&host, || {
        let grant = grant.take()?;
        Some(Coming::new(tokio::spawn(async { Some(grant) })))
    });
    let ask = Ask {
        url: &url,
        home: &url,
        range: None,
        headers: &[],
        owner: Owner::Nobody,
        turn: None,
        ahead: Some(&ahead),
    };
    let answer = client.get(&ask).await.expect("an answer");
    assert_eq!(limits.open_now(), 1, "its permit went to the next one");
    assert_eq!(read(answer).await.expect("read"), "x");
}
