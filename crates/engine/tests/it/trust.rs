#![allow(warnings, clippy::all)]
use crate::world::{World, assert_right, list};
use futures_util::future::{BoxFuture, FutureExt};
use haul_engine::disk::{Disk, RealDisk, Scratch};
use haul_engine::store::{Checkpoint, MemoryStore, Record, Store};
use haul_engine::*;
use haul_testkit::origin::{self, Origin};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
const MIB: u64 = 1 << 20;

#[derive(Default)]
struct S {
    inner: MemoryStore,
    slow_delivering: AtomicBool,
    fail_completed: AtomicBool,
    fail_add: AtomicBool,
}
impl Store for S {
    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>>> {
        self.inner.load()
    }
    fn put(&self, r: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        if self.fail_add.load(SeqCst)
            || (r[0].status == Status::Completed && self.fail_completed.swap(false, SeqCst))
        {
            return async { Err(Error::new(Kind::Store, "broken")) }.boxed();
        }
        let slow = r[0].status == Status::Delivering && self.slow_delivering.load(SeqCst);
        let f = self.inner.put(r);
        async move {
            if slow {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            f.await
        }
        .boxed()
    }
    fn checkpoint(&self, c: Checkpoint) -> BoxFuture<'static, Result<()>> {
        self.inner.checkpoint(c)
    }
    fn remove(&self, i: Vec<Id>) -> BoxFuture<'static, Result<()>> {
        self.inner.remove(i)
    }
    fn claim(&self, i: Id) -> BoxFuture<'_, Result<bool>> {
        self.inner.claim(i)
    }
}
#[derive(Default)]
struct Tally {
    fail_sync: AtomicBool,
    dirty: AtomicU64,
    syncs: AtomicU64,
    quota: AtomicU64,
    written: AtomicU64,
}
struct D(Arc<Tally>);
struct Sc(Arc<dyn Scratch>, Arc<Tally>);
impl Disk for D {
    fn open(&self, p: &Path) -> io::Result<Arc<dyn Scratch>> {
        Ok(Arc::new(Sc(RealDisk.open(p)?, self.0.clone())))
    }
    fn free_space(&self, p: &Path) -> io::Result<u64> {
        Ok(1 << 50)
    }
}
impl Scratch for Sc {
    fn write_at(&self, b: &mut [IoSlice<'_>], o: u64) -> io::Result<()> {
        let n: u64 = b.iter().map(|s| s.len() as u64).sum();
        let q = self.1.quota.load(SeqCst);
        if q > 0 && self.1.written.load(SeqCst) + n > q {
            return Err(io::Error::from_raw_os_error(122));
        }
        self.1.written.fetch_add(n, SeqCst);
        self.1.dirty.fetch_add(n, SeqCst);
        self.0.write_at(b, o)
    }
    fn read_at(&self, b: &mut [u8], o: u64) -> io::Result<()> {
        self.0.read_at(b, o)
    }
    fn reserve(&self, l: u64) -> io::Result<()> {
        self.0.reserve(l)
    }
    fn truncate(&self, l: u64) -> io::Result<()> {
        self.0.truncate(l)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn sync(&self) -> io::Result<()> {
        if self.1.fail_sync.swap(false, SeqCst) {
            self.1.syncs.fetch_add(1, SeqCst);
            return Err(io::Error::from_raw_os_error(5));
        }
        self.1.syncs.fetch_add(1, SeqCst);
        self.1.dirty.store(0, SeqCst);
        self.0.sync()
    }
    fn inode(&self) -> io::Result<u64> {
        self.0.inode()
    }
    fn path(&self) -> &Path {
        self.0.path()
    }
}
async fn engine(folder: &Path, s: Arc<S>, t: Arc<Tally>, f: impl FnOnce(&mut Config)) -> Engine {
    let mut c = Config::new(folder.join("files"), folder.join("state"));
    c.retry_wait = Duration::from_millis(10);
    c.retry_wait_max = Duration::from_millis(50);
    c.min_free_space = 0;
    f(&mut c);
    std::fs::create_dir_all(&c.state_dir).unwrap();
    Engine::start_on(Arc::new(D(t)), c, s, Handle::current())
        .await
        .unwrap()
}
async fn over(e: &Engine, id: Id, secs: u64) -> Arc<View> {
    for _ in 0..secs * 20 {
        let v = e.live().get(id).unwrap();
        if v.status.is_over() {
            return v;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    e.live().get(id).unwrap()
}
async fn add(e: &Engine, u: url::Url) -> Id {
    e.add(vec![New::Unseen(Spec::new(u))]).await.unwrap()[0].id
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_pause_while_delivering_leaves_view_stuck() {
    let (o, f, s, t) = (
        Origin::start().await,
        tempfile::tempdir().unwrap(),
        Arc::new(S::default()),
        Arc::new(Tally::default()),
    );
    s.slow_delivering.store(true, SeqCst);
    let e = engine(f.path(), s, t, |_| ()).await;
    let id = add(&e, o.url("/a.bin?size=1M")).await;
    while e.live().get(id).unwrap().status != Status::Delivering {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!(
        "pause: {:?}",
        e.pause(id).await.map(|v| v.status).map_err(|e| e.detail)
    );
    let v = over(&e, id, 3).await;
    println!("file: {:?}", list(&f.path().join("files")));
    assert_eq!(v.status, Status::Completed);
}
#[tokio::test(flavor = "multi_thread")]
async fn r2_position_lost_by_change() {
    let (o, w) = (
        Origin::start().await,
        World::with(|c| c.settings.max_downloads = 1).await,
    );
    w.add(o.url("/f.bin?size=1K&gate=go&gate_after=1")).await;
    o.wait_gate("go", 1).await;
    let id = w.add(o.url("/b.bin?size=1K")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(w.engine.live().get(id).unwrap().position, Some(0));
    w.engine
        .change(
            id,
            Change {
                speed_limit: Some(5),
                ..Default::default()
            },
        )
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(w.engine.live().get(id).unwrap().position, Some(0));
}
#[tokio::test(flavor = "multi_thread")]
async fn r3_cap_after_lowering_block_size() {
    let (o, w) = (
        Origin::start().await,
        World::with(|c| {
            c.settings.threads = 2;
        })
        .await,
    );
    let id = w
        .add(o.url("/a.bin?size=16M&seed=1&etag=%22x%22&slow_conn=1:256K"))
        .await;
    w.until(id, |v| v.done > 0).await;
    let at = o.log().len();
    let mut s = w.engine.settings().await.unwrap();
    s.block_size = 64 << 10;
    w.engine.set_settings(s).await.unwrap();
    let v = w.ended(id).await;
    let longest = o.log()[at..]
        .iter()
        .filter_map(|r| r.range)
        .map(|r| format!("{r:?}"))
        .collect::<Vec<_>>();
    println!(
        "{:?} {:?}\n{:?}",
        v.status,
        v.error,
        &longest[..longest.len().min(6)]
    );
    assert_right(&v, 1, 16 * MIB);
}
async fn raw(second: Arc<AtomicBool>, before: &'static str, after: &'static str) -> url::Url {
    let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let u = format!("http://{}/a.bin", l.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move {
        loop {
            let (mut c, _) = l.accept().await.unwrap();
            let second = second.clone();
            tokio::spawn(async move {
                let mut b = vec![0; 8192];
                let n = c.read(&mut b).await.unwrap_or(0);
                let h = String::from_utf8_lossy(&b[..n]).to_lowercase();
                let r = h
                    .split("range: bytes=")
                    .nth(1)
                    .unwrap()
                    .split("\r\n")
                    .next()
                    .unwrap()
                    .to_owned();
                let (a, z) = r.split_once('-').unwrap();
                let (a, z): (u64, u64) = (
                    a.parse().unwrap(),
                    z.parse::<u64>().unwrap().min(8 * MIB - 1),
                );
                let is2 = second.load(SeqCst);
                let tag = if is2 { after } else { before };
                let head = format!(
                    "HTTP/1.1 206 P\r\nContent-Range: bytes {a}-{z}/{}\r\nContent-Length: {}\r\n{tag}Connection: close\r\n\r\n",
                    8 * MIB,
                    z - a + 1
                );
                let _ = c.write_all(head.as_bytes()).await;
                for x in (a..=z).step_by(32 << 10) {
                    let to = (x + (32 << 10)).min(z + 1);
                    let mut body = origin::content(1, x..to);
                    // the new version differs beyond the first 4 MiB only
                    if is2 && x >= 4 * MIB
                        || is2 && tag.is_empty() && before.contains("\"") && !before.contains("W/")
                    {
                        body = origin::content(2, x..to);
                    }
                    if c.write_all(&body).await.is_err() {
                        return;
                    }
                    if !is2 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            });
        }
    });
    u
}
async fn splice(before: &'static str, after: &'static str) {
    let second = Arc::new(AtomicBool::new(false));
    let u = raw(second.clone(), before, after).await;
    let w = World::with(|c| {
        c.settings.block_size = MIB;
        c.settings.threads = 8;
    })
    .await;
    let id = w.add(u).await;
    w.until(id, |v| v.done > 3 * MIB).await;
    w.engine.pause(id).await.unwrap();
    second.store(true, SeqCst);
    w.engine.resume(id).await.unwrap();
    let v = w.ended(id).await;
    println!("{before:?} -> {after:?}: {:?} {:?}", v.status, v.error);
    if v.status == Status::Completed {
        let bytes = std::fs::read(v.path.as_deref().unwrap()).unwrap();
        let (one, mut two) = (
            origin::content(1, 0..8 * MIB),
            origin::content(2, 0..8 * MIB),
        );
        let of = |i: usize| {
            if bytes[i] == one[i] {
                '1'
            } else if bytes[i] == two[i] {
                '2'
            } else {
                '?'
            }
        };
        let s: String = (0..128).map(|k| of(k * 65536 + 77)).collect();
        println!("{s}");
        let tail: String = s[64..].into();
        assert!(!(tail.contains('1') && tail.contains('2')), "SPLICED");
    }
}
#[tokio::test(flavor = "multi_thread")]
async fn r4a_strong_then_no_tag() {
    splice("ETag: \"a\"\r\n", "").await
}
#[tokio::test(flavor = "multi_thread")]
async fn r4b_weak_changes() {
    splice("ETag: W/\"a\"\r\n", "ETag: W/\"b\"\r\n").await
}
#[tokio::test(flavor = "multi_thread")]
async fn r4c_none() {
    splice("", "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_proof_longer_than_block_size() {
    let (o, w) = (
        Origin::start().await,
        World::with(|c| {
            c.settings.block_size = 16 << 10;
            c.settings.threads = 2;
        })
        .await,
    );
    let id = w.add(o.url("/a.bin?size=1M&seed=3&rate=64K")).await;
    w.until(id, |v| v.done > 200 << 10).await;
    w.engine.pause(id).await.unwrap();
    w.engine.resume(id).await.unwrap();
    w.until(id, |v| v.done > 400 << 10).await;
    let lens: Vec<String> = o
        .log()
        .iter()
        .filter_map(|r| r.range)
        .map(|r| format!("{r:?}"))
        .collect();
    let max = o.log().iter().map(|r| r.body_sent).max();
    println!("{max:?}");
    assert!(max.unwrap() <= 16 << 10);
}
#[tokio::test(flavor = "multi_thread")]
async fn r6_failed_record_claims_unsynced_bytes() {
    let (o, f, s, t) = (
        Origin::start().await,
        tempfile::tempdir().unwrap(),
        Arc::new(S::default()),
        Arc::new(Tally::default()),
    );
    let e = engine(f.path(), s.clone(), t.clone(), |c| {
        c.settings.block_size = MIB
    })
    .await;
    let id = add(&e, o.url("/a.bin?size=8M&etag=%22x%22&once")).await;
    let v = over(&e, id, 5).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let r = s.load().await.unwrap();
    println!(
        "{:?} done {} syncs {} dirty {}",
        r[0].status,
        r[0].done.len(),
        t.syncs.load(SeqCst),
        t.dirty.load(SeqCst)
    );
    assert!(r[0].done.is_empty() || t.dirty.load(SeqCst) == 0);
}
#[tokio::test(flavor = "multi_thread")]
async fn r7_quota_busy_loop() {
    let (o, f, s, t) = (
        Origin::start().await,
        tempfile::tempdir().unwrap(),
        Arc::new(S::default()),
        Arc::new(Tally::default()),
    );
    t.quota.store(3 * MIB, SeqCst);
    let e = engine(f.path(), s.clone(), t.clone(), |c| {
        c.settings.block_size = MIB;
        c.settings.threads = 2;
        c.on_full = OnFull::Fail;
    })
    .await;
    let id = add(&e, o.url("/a.bin?size=8M&etag=%22x%22")).await;
    let v = over(&e, id, 3).await;
    println!(
        "{:?} {:?} requests in 3 s: {} syncs {}",
        v.status,
        v.reason,
        o.log().len(),
        t.syncs.load(SeqCst)
    );
    assert_eq!(v.status, Status::Failed);
}
#[tokio::test(flavor = "multi_thread")]
async fn r8_html_page_discards_everything() {
    let (o, w) = (
        Origin::start().await,
        World::with(|c| {
            c.settings.block_size = MIB;
            c.settings.threads = 2;
        })
        .await,
    );
    let v = w
        .fetch(o.url("/a.bin?size=16M&etag=%22x%22&html_error_after=12"))
        .await;
    println!(
        "{:?} {:?} done {} scratch {:?}",
        v.status,
        v.error.as_ref().map(|e| &e.detail),
        v.done,
        w.scratch()
    );
    assert!(v.done > 8 * MIB);
}
#[tokio::test(flavor = "multi_thread")]
async fn r9_store_error_at_completed_delivers_twice() {
    let (o, f, s, t) = (
        Origin::start().await,
        tempfile::tempdir().unwrap(),
        Arc::new(S::default()),
        Arc::new(Tally::default()),
    );
    s.fail_completed.store(true, SeqCst);
    let e = engine(f.path(), s.clone(), t, |_| ()).await;
    let id = add(&e, o.url("/a.bin?size=1M&etag=%22x%22")).await;
    let v = over(&e, id, 5).await;
    println!("{:?} {:?}", v.status, v.error);
    e.retry(id).await.unwrap();
    over(&e, id, 5).await;
    let l: Vec<_> = list(&f.path().join("files"));
    println!("{l:?} requests {}", o.log().len());
    assert_eq!(l.len(), 1);
}
#[tokio::test(flavor = "multi_thread")]
async fn r10_resume_right_after_pause_is_lost() {
    let (o, w) = (Origin::start().await, World::new().await);
    let id = w
        .add(o.url("/a.bin?size=8M&seed=1&etag=%22x%22&rate=512K"))
        .await;
    w.until(id, |v| v.done > 0).await;
    let (p, r) = tokio::join!(w.engine.pause(id), w.engine.resume(id));
    println!(
        "pause {:?} resume {:?}",
        p.map(|v| v.status),
        r.map(|v| v.status)
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_ne!(w.engine.live().get(id).unwrap().status, Status::Paused);
}
#[tokio::test(flavor = "multi_thread")]
async fn r11_failed_add_runs_on() {
    let (o, f, s, t) = (
        Origin::start().await,
        tempfile::tempdir().unwrap(),
        Arc::new(S::default()),
        Arc::new(Tally::default()),
    );
    let e = engine(f.path(), s.clone(), t, |_| ()).await;
    s.fail_add.store(true, SeqCst);
    let r = e
        .add(vec![New::Unseen(Spec::new(
            o.url("/a.bin?size=1M&rate=512K"),
        ))])
        .await;
    println!(
        "add: {:?}; in table: {}",
        r.is_err(),
        e.live().snapshot(|_| true).1.len()
    );
    assert!(e.live().snapshot(|_| true).1.is_empty());
}
#[tokio::test(flavor = "multi_thread")]
async fn r12_pause_verifying_rangeless_loses_all() {
    let (o, f, s, t) = (
        Origin::start().await,
        tempfile::tempdir().unwrap(),
        Arc::new(S::default()),
        Arc::new(Tally::default()),
    );
    // a directory that cannot be delivered to
    let e = engine(f.path(), s.clone(), t, |_| ()).await;
    std::fs::create_dir_all(f.path().join("files")).unwrap();
    let id = e
        .add(vec![New::Unseen(Spec {
            dir: Some(f.path().join("files/x")),
            ..Spec::new(o.url("/a.bin?size=1M&ranges=no"))
        })])
        .await
        .unwrap()[0]
        .id;
    std::fs::write(f.path().join("files/x"), b"in the way").unwrap();
    let v = over(&e, id, 5).await;
    println!("{:?} {:?}", v.status, v.error.as_ref().map(|e| &e.detail));
    std::fs::remove_file(f.path().join("files/x")).unwrap();
    let before = o.log().len();
    e.retry(id).await.unwrap();
    let v = over(&e, id, 5).await;
    println!("{:?} requests {} -> {}", v.status, before, o.log().len());
    assert_eq!(o.log().len(), before);
}
#[tokio::test(flavor = "multi_thread")]
async fn r13_a_short_503_kills_many_threads() {
    let busy = Arc::new(AtomicBool::new(false));
    let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let u: url::Url = format!("http://{}/a.bin", l.local_addr().unwrap())
        .parse()
        .unwrap();
    let b2 = busy.clone();
    tokio::spawn(async move {
        loop {
            let (mut c, _) = l.accept().await.unwrap();
            let busy = b2.clone();
            tokio::spawn(async move {
                let mut b = vec![0; 8192];
                let n = c.read(&mut b).await.unwrap_or(0);
                if busy.load(SeqCst) {
                    let _ = c.write_all(b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
                    return;
                }
                let h = String::from_utf8_lossy(&b[..n]).to_lowercase();
                let r = h
                    .split("range: bytes=")
                    .nth(1)
                    .unwrap()
                    .split("\r\n")
                    .next()
                    .unwrap()
                    .to_owned();
                let (a, z) = r.split_once('-').unwrap();
                let (a, z): (u64, u64) = (
                    a.parse().unwrap(),
                    z.parse::<u64>().unwrap().min(64 * MIB - 1),
                );
                let head = format!(
                    "HTTP/1.1 206 P\r\nContent-Range: bytes {a}-{z}/{}\r\nContent-Length: {}\r\nETag: \"a\"\r\nConnection: close\r\n\r\n",
                    64 * MIB,
                    z - a + 1
                );
                let _ = c.write_all(head.as_bytes()).await;
                for x in (a..=z).step_by(32 << 10) {
                    let to = (x + (32 << 10)).min(z + 1);
                    if busy.load(SeqCst) || c.write_all(&origin::content(1, x..to)).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    let w = World::with(|c| {
        c.settings.block_size = 256 << 10;
        c.settings.threads = 12;
    })
    .await;
    let id = w.add(u).await;
    w.until(id, |v| v.done > 4 * MIB).await;
    busy.store(true, SeqCst);
    let start = std::time::Instant::now();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        busy.store(false, SeqCst);
    });
    let v = w.ended(id).await;
    println!("after {:?}: {:?} {:?}", start.elapsed(), v.status, v.error);
    assert_eq!(v.status, Status::Completed);
}
#[tokio::test(flavor = "multi_thread")]
async fn r14_after_no_room_the_resource_is_never_recorded() {
    let (o, f, s, t) = (
        Origin::start().await,
        tempfile::tempdir().unwrap(),
        Arc::new(S::default()),
        Arc::new(Tally::default()),
    );
    t.quota.store(2 * MIB, SeqCst);
    let e = engine(f.path(), s.clone(), t.clone(), |c| {
        c.settings.block_size = 256 << 10;
        c.settings.threads = 2;
    })
    .await;
    let id = add(&e, o.url("/a.bin?size=64M&etag=%22x%22&rate=4M")).await;
    while t.written.load(SeqCst) < 3 * MIB / 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    t.quota.store(0, SeqCst);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let r = s.load().await.unwrap().remove(0);
    println!(
        "view done {} record done {} resource {} scratch {:?}",
        e.live().get(id).unwrap().done,
        r.done.len(),
        r.resource.is_some(),
        r.scratch
    );
    assert!(r.resource.is_some());
}
#[tokio::test(flavor = "multi_thread")]
async fn r15_a_failed_sync_is_forgotten_by_the_next() {
    let (o, f, s, t) = (
        Origin::start().await,
        tempfile::tempdir().unwrap(),
        Arc::new(S::default()),
        Arc::new(Tally::default()),
    );
    t.fail_sync.store(true, SeqCst);
    let e = engine(f.path(), s.clone(), t.clone(), |c| {
        c.settings.block_size = 256 << 10;
        c.settings.threads = 2;
    })
    .await;
    let id = add(&e, o.url("/a.bin?size=64M&etag=%22x%22&rate=2M")).await;
    let v = over(&e, id, 5).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let r = s.load().await.unwrap().remove(0);
    println!(
        "{:?} {:?} record done {} syncs {}",
        v.status,
        v.error.as_ref().map(|e| &e.detail),
        r.done.len(),
        t.syncs.load(SeqCst)
    );
    assert_eq!(
        r.done.len(),
        0,
        "the kernel dropped these pages when the first sync failed"
    );
}
