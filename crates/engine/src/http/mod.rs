//! The HTTP/1.1 client: asks for a URL or a range of it, follows redirects and hands the answer over
//! with its body unread. Knows nothing of downloads, and does not judge the answer's status.
//!
//! Nothing runs beside the callers: a connection moves only while its body is read, and dropping
//! the body closes it. The one task closes connections that stay idle; it ends with the client.

mod body;
mod conn;
mod cookies;
mod dial;
mod fault;
#[cfg(test)]
mod fuzz;
mod gather;
mod netrc;
mod proxy;
mod redirect;
mod request;
#[cfg(test)]
mod script;
mod target;
#[cfg(test)]
mod tests;
mod tls;
mod trust;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::limit::{Ahead, Coming, Grant, Host, Limits, Owner, Parked, Permit};
use crate::spec::Config;

use body::After;
pub(crate) use body::Body;
use conn::Conn;
use cookies::Jar;
use dial::Dialer;
use redirect::{Cookies, Trail};
use request::{Form, Requests};
pub use trust::Trust;

/// Whoever is reached, and has not answered so long after the first try to reach him, is far away: one
/// more round trip is worth being saved.
const FAR: Duration = Duration::from_millis(30);

/// The client. Clones share its connections and cookies.
#[derive(Clone)]
pub(crate) struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    dialer: Arc<Dialer>,
    requests: Requests,
    jar: Jar,
    limits: Arc<Limits>,
    read_timeout: Duration,
    /// Closes idle connections; started by the first request, because only then a runtime is sure.
    reaper: OnceLock<AbortOnDropHandle<()>>,
}

/// One question: what to get, and on whose behalf.
pub(crate) struct Ask<'a> {
    /// What to get.
    pub(crate) url: &'a Url,
    /// The download's own URL: `headers` and credentials go to its origin only.
    pub(crate) home: &'a Url,
    /// The first and the last byte wanted.
    pub(crate) range: Option<(u64, u64)>,
    /// The download's own header fields.
    pub(crate) headers: &'a [(String, String)],
    /// Whose share of the connections this takes.
    pub(crate) owner: Owner,
    /// True while this waits for a connection that is in other hands.
    pub(crate) turn: Option<&'a AtomicBool>,
    /// Where to find, and to leave, connections that are made before they are needed.
    pub(crate) ahead: Option<&'a Ahead>,
}

/// An answer with its body still to be read.
pub(crate) struct Answer {
    /// Where it came from, after redirects.
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// From the start of the last connection or its reuse to the end of the head, without the
    /// wait for a permit.
    pub(crate) first_byte: Duration,
}

impl Client {
    /// Reads what the configuration names: proxy, certificates, cookies, netrc, headers. Each error
    /// says which setting is wrong.
    pub(crate) fn new(config: &Config, limits: Arc<Limits>) -> Result<Client> {
        let inner = Inner {
            dialer: Arc::new(Dialer::new(config)?),
            requests: Requests::new(config)?,
            jar: Jar::load(config.cookies_file.as_deref())?,
            limits,
            read_timeout: config.read_timeout,
            reaper: OnceLock::new(),
        };
        Ok(Client {
            inner: Arc::new(inner),
        })
    }

    /// Gets the first answer that is no redirect, whatever its status.
    ///
    /// Waits for a connection permit first. Follows at most 10 redirects, never from a download
    /// that began with `https` to plain `http`. Cookies are kept on the way. Dropping the future
    /// closes the connection.
    pub(crate) async fn get(&self, ask: &Ask<'_>) -> Result<Answer> {
        self.inner.start_reaper();
        let mut trail = Trail::from(ask.url);
        let mut url = ask.url.clone();
        loop {
            let step = self.inner.step(ask, &url, &mut trail).await;
            match step.map_err(|error| error.at(&url))? {
                Step::Answer(answer) => return Ok(*answer),
                Step::To(next) => url = next,
            }
        }
    }
}

/// Says that somebody waits, until dropped.
struct Waiting<'a>(&'a AtomicBool);

impl Waiting<'_> {
    fn begin(flag: &AtomicBool) -> Waiting<'_> {
        flag.store(true, Ordering::Relaxed);
        Waiting(flag)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Makes a connection for later. One that is refused says nothing: whoever needs it asks anew.
async fn reach(dialer: Arc<Dialer>, url: Url, grant: Grant) -> Option<Grant> {
    if grant.parked.is_some() {
        return Some(grant);
    }
    // In this order, so that when dropped the connection closes before the permit returns.
    let permit = grant.permit;
    let wire = dialer.dial(&url, &Notify::new()).await.ok()?;
    let parked = Some(Box::new(Conn::over(wire).await.ok()?) as Parked);
    Some(Grant { parked, permit })
}

enum Step {
    Answer(Box<Answer>),
    To(Url),
}

impl Inner {
    fn start_reaper(&self) {
        self.reaper.get_or_init(|| {
            let limits = self.limits.clone();
            AbortOnDropHandle::new(tokio::spawn(async move { limits.reap().await }))
        });
    }

    async fn step(&self, ask: &Ask<'_>, url: &Url, trail: &mut Trail) -> Result<Step> {
        let answer = self.exchange(ask, url).await?;
        let cookies = if self.jar.keep(url, &answer.headers) {
            Cookies::Set
        } else {
            Cookies::Unchanged
        };
        let Some(next) = redirect::next(url, ask.home, answer.status, &answer.headers)? else {
            return Ok(Step::Answer(Box::new(answer)));
        };
        answer.body.finish();
        trail.step(&next, cookies)?;
        Ok(Step::To(next))
    }

    /// One request and the head of its answer.
    async fn exchange(&self, ask: &Ask<'_>, url: &Url) -> Result<Answer> {
        let form = match self.dialer.forwards(url) {
            None => Form::Origin,
            Some(login) => Form::Absolute(login.as_ref()),
        };
        let request = self
            .requests
            .build(ask, url, self.jar.field_for(url), &form)?;
        // In this order, so that when dropped the connection closes before the permit returns.
        let host = Host::of(url);
        let Grant { permit, parked } = self.turn_for(&host, ask).await;
        let started = Instant::now();

        if let Some(conn) = parked.and_then(|parked| parked.downcast::<Conn>().ok()) {
            let mut conn = *conn;
            let before = conn.received();
            if conn.is_ready().await {
                let sent = self.send(&mut conn, request.clone()).await;
                match sent {
                    Ok(response) => return self.answer(url, response, conn, permit, started),
                    // The server closed the connection as idle while the request was on its way. A
                    // GET may be repeated (RFC 9110 §9.2.2).
                    Err(error) if error.kind == Kind::Disconnected && conn.received() == before => {
                    }
                    Err(error) => return Err(error),
                }
            }
        }

        let reached = Notify::new();
        let mut asking = std::pin::pin!(async {
            let mut conn = Conn::over(self.dialer.dial(url, &reached).await?).await?;
            let response = self.send(&mut conn, request).await?;
            self.answer(url, response, conn, permit, started)
        });
        let is_far = async {
            tokio::join!(tokio::time::sleep(FAR), reached.notified());
        };
        tokio::select! {
            biased;
            answered = &mut asking => answered,
            () = is_far => {
                self.reach_ahead(ask, url, &host);
                asking.await
            }
        }
    }

    /// Begins to make the connections that this download will need, should there be ranges.
    fn reach_ahead(&self, ask: &Ask<'_>, url: &Url, host: &Host) {
        let Some(ahead) = ask.ahead else {
            return;
        };
        ahead.begin(host, || {
            if self.limits.is_tight(url) {
                return None;
            }
            let grant = self.limits.acquire_at_once(host, ask.owner)?;
            let reaching = reach(self.dialer.clone(), url.clone(), grant);
            Some(Coming::new(tokio::spawn(reaching)))
        });
    }

    async fn turn_for(&self, host: &Host, ask: &Ask<'_>) -> Grant {
        if let Some(ahead) = ask.ahead
            && let Some(grant) = ahead.take(host).await
        {
            return grant;
        }
        let mut acquiring = std::pin::pin!(self.limits.acquire(host, ask.owner));
        if let Some(grant) = acquiring.as_mut().now_or_never() {
            return grant;
        }
        let _waiting = ask.turn.map(Waiting::begin);
        acquiring.await
    }

    async fn send(
        &self,
        conn: &mut Conn,
        request: Request<Empty<bytes::Bytes>>,
    ) -> Result<Response<Incoming>> {
        tokio::time::timeout(self.read_timeout, conn.send(request))
            .await
            .unwrap_or_else(|_| Err(fault::stalled(self.read_timeout)))
    }

    fn answer(
        &self,
        url: &Url,
        response: Response<Incoming>,
        conn: Conn,
        permit: Permit,
        started: Instant,
    ) -> Result<Answer> {
        let (head, incoming) = response.into_parts();
        if head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && self.dialer.forwards(url).is_some()
        {
            return Err(proxy::login_wanted());
        }
        if head.status.is_informational() {
            return Err(Error::passing(
                Kind::Protocol,
                format!("the server switched protocols unasked ({})", head.status),
            )
            .with_status(head.status.as_u16()));
        }
        // Both at once is how smuggled answers begin (RFC 9112 §6.3).
        let twice_framed = head.headers.contains_key(TRANSFER_ENCODING)
            && head.headers.contains_key(CONTENT_LENGTH);
        let after = if twice_framed {
            After::Close
        } else {
            After::Keep
        };
        let body = Body::new(
            incoming,
            conn,
            permit,
            after,
            self.read_timeout,
            url.clone(),
        );
        Ok(Answer {
            url: url.clone(),
            status: head.status,
            headers: head.headers,
            body,
            first_byte: started.elapsed(),
        })
    }
}
