//! A stream whose client is slow, silent or gone.

use super::*;
use crate::api::types::download::Detail;
use crate::api::types::download::tests::sample;
use crate::api::types::requests::Wanted;
use haul_engine::View;
use tokio_util::task::AbortOnDropHandle;

struct Stream {
    live: Live,
    taken: mpsc::Receiver<Bytes>,
    telling: AbortOnDropHandle<()>,
}

/// A stream that begins with a snapshot.
fn begin() -> Stream {
    let live = Live::new();
    live.put(sample());
    let wanted = Wanted {
        statuses: None,
        ids: None,
        detail: Detail::Plain,
        interval_ms: 50,
    };
    let (subscription, answer) = Subscription::begin(NAME.to_owned(), wanted, &live);
    let first = Bytes::from(events::snapshot(subscription.told(), &answer));
    let (room, taken) = mpsc::channel(1);
    let telling = {
        let live = live.clone();
        async move { tell(&live, &Frames::default(), subscription, Some(first), room).await }
    };
    Stream {
        live,
        taken,
        telling: AbortOnDropHandle::new(tokio::spawn(telling)),
    }
}

impl Stream {
    async fn next(&mut self) -> String {
        let event = self.taken.recv().await.expect("an event");
        String::from_utf8(event.to_vec()).expect("text")
    }

    fn change(&self, done: u64) {
        let change = |view: &mut View| view.done = done;
        self.live.alter(sample().id, change).expect("it is there");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_is_sent_fewer_and_larger_events() {
    let mut stream = begin();
    let first = stream.next().await;
    assert!(
        first.starts_with("event: snapshot\nid: 1\ndata: {"),
        "{first}"
    );
    for done in 0..100 {
        stream.change(done);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // One had been made when there was room for it; all the others are in the next.
    let early = stream.next().await;
    assert!(early.starts_with("event: changed\nid: "), "{early}");
    assert!(early.contains("\"from\":1,"), "{early}");
    let id = early
        .lines()
        .nth(1)
        .and_then(|line| line.strip_prefix("id: "));
    let id = id.expect("an id");
    let late = stream.next().await;
    assert!(
        late.contains(&format!("\"from\":{id},\"revision\":101,")),
        "{late}"
    );
    assert!(late.contains("\"done\":99,") && late.ends_with("}\n\n"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_news_says_that_it_is_alive() {
    let mut stream = begin();
    stream.next().await;
    let begun = Instant::now();
    assert_eq!(stream.next().await, ":\n\n");
    assert_eq!(begun.elapsed(), HEARTBEAT_EVERY);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let stream = begin();
    let begun = Instant::now();
    stream.telling.await.expect("it ends by itself");
    assert_eq!(begun.elapsed(), LONGEST_STALL);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_left_is_noticed_at_once() {
    let mut stream = begin();
    stream.next().await;
    let begun = Instant::now();
    drop(stream.taken);
    stream.telling.await.expect("it ends by itself");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
