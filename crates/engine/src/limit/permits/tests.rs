//! Caps, turns and ceilings, as the users of permits see them.

use super::super::queue::CALM;
use super::*;
use crate::spec::Id;
use std::sync::atomic::{AtomicUsize, Ordering};

fn host(name: &str) -> Host {
    Host(name.into())
}

/// Lets every task that can run do so.
async fn settled() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// A connection that counts itself.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Box<Open> {
        count.fetch_add(1, Ordering::SeqCst);
        Box::new(Open(count.clone()))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn both_caps_hold() {
    let permits = Permits::new(3, 2);
    let (a, b) = (host("a"), host("b"));
    let first = permits.try_acquire(&a).expect("free");
    let _second = permits.try_acquire(&a).expect("free");
    assert!(permits.try_acquire(&a).is_none(), "host is full");
    let _third = permits.try_acquire(&b).expect("free");
    assert!(permits.try_acquire(&b).is_none(), "all are out");
    assert_eq!(permits.open_now(), 3);
    drop(first);
    assert_eq!(permits.open_now(), 2);
    assert!(permits.try_acquire(&b).is_some());
}

#[tokio::test]
async fn one_host_is_served_in_order_and_hosts_take_turns() {
    let permits = Permits::new(1, 1);
    let held = permits.try_acquire(&host("a")).expect("free");
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for name in ["a1", "a2", "a3", "b1", "b2", "c1"] {
        let (permits, served) = (permits.clone(), served.clone());
        tasks.spawn(async move {
            let _grant = permits.acquire(&host(&name[..1]), Owner::Nobody).await;
            served.lock().expect("no panic").push(name);
        });
        settled().await;
    }
    drop(held);
    while tasks.join_next().await.is_some() {}
    let served = served.lock().expect("no panic").clone();
    assert_eq!(served, ["a1", "b1", "c1", "a2", "b2", "a3"]);
    assert_eq!(permits.open_now(), 0);
}

#[tokio::test]
async fn who_gives_up_waiting_blocks_nobody() {
    let permits = Permits::new(1, 1);
    let held = permits.try_acquire(&host("a")).expect("free");
    let gone = tokio::spawn({
        let permits = permits.clone();
        async move { permits.acquire(&host("a"), Owner::Nobody).await.permit }
    });
    settled().await;
    let next = tokio::spawn({
        let permits = permits.clone();
        async move { permits.acquire(&host("b"), Owner::Nobody).await.permit }
    });
    settled().await;
    gone.abort();
    assert!(gone.await.is_err());
    drop(held);
    drop(next.await.expect("served"));
    assert_eq!(permits.open_now(), 0);
    assert!(permits.try_acquire(&host("a")).is_some());
}

#[tokio::test]
async fn a_parked_connection_is_reused_handed_on_or_closed() {
    let open = Arc::new(AtomicUsize::new(0));
    let permits = Permits::new(1, 1);
    let (a, b) = (host("a"), host("b"));
    permits
        .try_acquire(&a)
        .expect("free")
        .permit
        .park(Open::new(&open), 0);
    assert_eq!(permits.open_now(), 1, "idle ones count");

    let Grant { parked, permit } = permits.try_acquire(&a).expect("the idle one");
    let parked = parked.expect("open still");
    let same = tokio::spawn({
        let (permits, a) = (permits.clone(), a.clone());
        async move { permits.acquire(&a, Owner::Nobody).await }
    });
    settled().await;
    permit.park(parked, 0);
    let Grant { parked, permit } = same.await.expect("served");
    assert!(parked.is_some(), "handed on to the same host");

    let other = tokio::spawn({
        let (permits, b) = (permits.clone(), b.clone());
        async move { permits.acquire(&b, Owner::Nobody).await }
    });
    settled().await;
    permit.park(parked.expect("checked"), 0);
    let other = other.await.expect("served");
    assert!(other.parked.is_none());
    assert_eq!(open.load(Ordering::SeqCst), 0, "closed for the other host");
    assert_eq!(permits.open_now(), 1);
}

#[tokio::test]
async fn an_idle_connection_gives_way_to_another_host() {
    let open = Arc::new(AtomicUsize::new(0));
    let permits = Permits::new(2, 2);
    for name in ["a", "b"] {
        let grant = permits.try_acquire(&host(name)).expect("free");
        grant.permit.park(Open::new(&open), 0);
    }
    let grant = permits.try_acquire(&host("c")).expect("in place of a");
    assert_eq!(open.load(Ordering::SeqCst), 1);
    assert_eq!(permits.open_now(), 2);
    let b = permits
        .try_acquire(&host("b"))
        .expect("the younger is there");
    assert!(b.parked.is_some());
    drop((grant, b));
    assert_eq!(permits.open_now(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_a_while() {
    let open = Arc::new(AtomicUsize::new(0));
    let permits = Permits::new(2, 2);
    let reaper = tokio::spawn({
        let permits = permits.clone();
        async move { permits.reap().await }
    });
    let grant = permits.try_acquire(&host("a")).expect("free");
    grant.permit.park(Open::new(&open), 0);
    tokio::time::sleep(Duration::from_secs(14)).await;
    assert_eq!(open.load(Ordering::SeqCst), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(open.load(Ordering::SeqCst), 0);
    assert_eq!(permits.open_now(), 0);
    reaper.abort();
}

#[tokio::test]
async fn a_late_download_is_next_however_many_threads_an_early_one_has_waiting() {
    let permits = Permits::new(2, 2);
    let a = host("a");
    let (early, late) = (Owner::Download(Id(1)), Owner::Download(Id(2)));
    let held = [
        permits.acquire(&a, early).await,
        permits.acquire(&a, early).await,
    ];
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for owner in [early, early, early, late, late] {
        let (permits, served, a) = (permits.clone(), served.clone(), a.clone());
        tasks.spawn(async move {
            let grant = permits.acquire(&a, owner).await;
            served.lock().expect("no panic").push(owner);
            grant
        });
        settled().await;
    }
    let [first, second] = held;
    first.permit.park(Box::new("open"), 0);
    settled().await;
    drop(second);
    settled().await;
    assert_eq!(*served.lock().expect("no panic"), [late, early]);
    while tasks.join_next().await.is_some() {}
    assert_eq!(permits.open_now(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_refuses_gets_fewer_for_a_while_and_then_one_more_at_a_time() {
    let permits = Permits::new(8, 6);
    let reaper = tokio::spawn({
        let permits = permits.clone();
        async move { permits.reap().await }
    });
    let a = host("a");
    let mut held: Vec<_> = (0..6)
        .map(|_| permits.try_acquire(&a).expect("free"))
        .collect();
    for _ in 0..3 {
        let one_too_many = held.pop().expect("held");
        one_too_many.permit.refused(None);
    }
    assert_eq!(permits.cap(&a), 3);
    assert!(permits.try_acquire(&a).is_none());
    let next = tokio::spawn({
        let (permits, a) = (permits.clone(), a.clone());
        async move { permits.acquire(&a, Owner::Nobody).await }
    });
    tokio::time::sleep(CALM / 2).await;
    assert!(!next.is_finished());
    tokio::time::sleep(CALM).await;
    let fourth = next.await.expect("served");
    assert_eq!(permits.cap(&a), 4);
    fourth.permit.refused(Some(CALM * 6));
    drop(fourth);
    held.clear();
    tokio::time::sleep(CALM * 5).await;
    assert_eq!(permits.cap(&a), 3, "remembered while nobody is connected");
    tokio::time::sleep(CALM * 5).await;
    assert_eq!(permits.cap(&a), 6, "and forgotten in the end");
    reaper.abort();
}

#[tokio::test]
async fn lower_caps_hold_as_permits_return() {
    let open = Arc::new(AtomicUsize::new(0));
    let permits = Permits::new(4, 4);
    let a = host("a");
    let mut held: Vec<_> = (0..3)
        .map(|_| permits.try_acquire(&a).expect("free"))
        .collect();
    let idle = permits.try_acquire(&host("b")).expect("free");
    idle.permit.park(Open::new(&open), 0);
    permits.set_caps(2, 4);
    assert_eq!(open.load(Ordering::SeqCst), 0, "idle ones go first");
    assert_eq!(permits.open_now(), 3);
    held.pop();
    assert!(permits.try_acquire(&a).is_none());
    let busy = held.pop().expect("held");
    permits.set_caps(1, 4);
    busy.permit.park(Open::new(&open), 0);
    assert_eq!(
        open.load(Ordering::SeqCst),
        0,
        "not parked above the new cap"
    );
    held.clear();
    permits.set_caps(4, 1);
    let _one = permits.try_acquire(&a).expect("free");
    assert!(permits.try_acquire(&a).is_none(), "the host's cap");
}

#[tokio::test]
async fn raised_caps_serve_who_waits() {
    let permits = Permits::new(1, 1);
    let _held = permits.try_acquire(&host("a")).expect("free");
    let waiting = tokio::spawn({
        let permits = permits.clone();
        async move { permits.acquire(&host("a"), Owner::Nobody).await.permit }
    });
    settled().await;
    permits.set_caps(2, 1);
    settled().await;
    assert!(!waiting.is_finished());
    permits.set_caps(2, 2);
    drop(waiting.await.expect("served"));
}

#[tokio::test]
async fn tight_means_fewer_than_half_are_free_for_use() {
    let permits = Permits::new(8, 4);
    let a = host("a");
    let mut held: Vec<_> = (0..2)
        .map(|_| permits.try_acquire(&a).expect("free"))
        .collect();
    assert!(!permits.is_tight(&a));
    held.push(permits.try_acquire(&a).expect("free"));
    assert!(permits.is_tight(&a));
    assert!(!permits.is_tight(&host("b")));
    held.pop().expect("held").permit.park(Box::new("idle"), 0);
    assert!(!permits.is_tight(&a), "idle ones are as good as free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caps_hold_under_a_crowd_that_comes_and_goes() {
    let permits = Permits::new(5, 2);
    let open = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200usize {
        let (permits, open, most) = (permits.clone(), open.clone(), most.clone());
        tasks.spawn(async move {
            for round in 0..20usize {
                let host = host(["a", "b", "c", "d"][(n + round) % 4]);
                let acquire = permits.acquire(&host, Owner::Nobody);
                // Some lose patience, before and after they were served.
                let patience = Duration::from_micros(u64::try_from(n % 7).expect("small") * 50);
                let grant = if n % 5 == 0 {
                    tokio::time::timeout(patience, acquire).await.ok()
                } else {
                    Some(acquire.await)
                };
                let Some(Grant { parked, permit }) = grant else {
                    continue;
                };
                let parked = parked.unwrap_or_else(|| Open::new(&open));
                most.fetch_max(open.load(Ordering::SeqCst), Ordering::SeqCst);
                tokio::task::yield_now().await;
                match (n + round) % 3 {
                    0 => drop((parked, permit)),
                    _ => permit.park(parked, 0),
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("no panic");
    }
    assert!(most.load(Ordering::SeqCst) <= 5, "{most:?}");
    assert_eq!(permits.open_now(), open.load(Ordering::SeqCst));
    permits.set_caps(1, 1);
    assert!(permits.open_now() <= 1);
}
