//! The live skin: JSON-RPC 2.0 over `/api/v1/ws`, and a subscription alone over `/api/v1/events`.
//! Commands are answered in the order they came; subscriptions push what changed whenever the client
//! has taken the last frame.

mod events;
mod frames;
#[cfg(test)]
mod fuzz;
mod methods;
mod subscription;

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use futures_util::future::{BoxFuture, select_all};
use serde_json::Value;

use super::App;
use super::command::{self, Command};
use super::error::{ApiError, Edge};
use super::socket::{self, Inbox, MOST_BYTES_OUT, Talk, Upgrade, Utf8Bytes};
use super::types::requests::Wanted;
use super::types::rpc::{self, Call, Incoming, Invalid};
pub(super) use events::connect as events;
pub(super) use frames::Frames;
use methods::Method;
pub(super) use methods::{SUBSCRIBE, UNSUBSCRIBE};
use subscription::Subscription;

/// Most subscriptions on one socket.
const MOST_SUBSCRIPTIONS: usize = 64;

/// `GET /api/v1/ws`.
pub(super) async fn connect(
    State(app): State<Arc<App>>,
    upgrade: Result<Upgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let mut upgrade = upgrade.map_err(|cause| {
        ApiError::edge(
            Edge::UpgradeRequired,
            format!("this is a WebSocket that speaks JSON-RPC 2.0: {cause}"),
        )
    })?;
    // Before a `bearer.…` among the offers, which is a secret rather than a protocol.
    upgrade.choose("haul.v1");
    socket::open(&app, upgrade, LiveTalk::new)
}

/// One client's side of the live protocol.
struct LiveTalk {
    app: Arc<App>,
    inbox: Inbox,
    working: Option<Work>,
    subscriptions: Vec<Subscription>,
    /// How many subscriptions this socket ever had, for their names.
    named: u64,
}

/// One message of the client that is being dealt with.
struct Work {
    calls: VecDeque<Result<Call, Invalid>>,
    running: Option<Running>,
    answers: Vec<String>,
    /// Of all answers.
    bytes: usize,
    is_batch: bool,
    /// Subscriptions begun by this message; they speak only after their answer was sent.
    begun: Vec<Subscription>,
}

/// A command that runs.
struct Running {
    /// The id of its call, when that wants an answer.
    id: Option<Value>,
    result: BoxFuture<'static, Result<String, ApiError>>,
}

impl Work {
    fn of(text: &str) -> Work {
        let (calls, is_batch) = match rpc::read(text) {
            Incoming::Single(call) => (VecDeque::from([call]), false),
            Incoming::Batch(calls) => (calls.into(), true),
        };
        Work {
            calls,
            running: None,
            answers: Vec::new(),
            bytes: 0,
            is_batch,
            begun: Vec::new(),
        }
    }

    fn answer(&mut self, id: Option<Value>, result: Result<String, ApiError>) {
        // A notification is not answered, not even with its error (JSON-RPC 2.0 §4.1).
        let Some(id) = id else {
            return;
        };
        let answer = match result {
            Ok(result) => rpc::answer(&id, Ok(&result)),
            Err(error) => rpc::answer(&id, Err(&error.failure())),
        };
        self.bytes += answer.len();
        self.answers.push(answer);
    }

    /// Whether the answers fill a message, so that no other call of it is done.
    fn is_full(&self) -> bool {
        self.bytes > MOST_BYTES_OUT
    }

    fn finished(self) -> (Option<String>, Vec<Subscription>) {
        let said = match self.answers.as_slice() {
            [] => None,
            answers if self.is_batch => Some(rpc::batch(answers)),
            [answer, ..] => Some(answer.clone()),
        };
        (said, self.begun)
    }
}

impl LiveTalk {
    fn new(app: Arc<App>) -> LiveTalk {
        LiveTalk {
            app,
            inbox: Inbox::default(),
            working: None,
            subscriptions: Vec::new(),
            named: 0,
        }
    }

    /// Deals with calls until one has to be waited for or the whole message is dealt with; then
    /// `Some` holds what is to be said, if anything.
    fn step(&mut self, work: &mut Work) -> Option<()> {
        while work.running.is_none() {
            let call = match work.calls.pop_front()? {
                Ok(call) => call,
                Err(Invalid { id, error }) => {
                    work.answer(Some(id), Err(error));
                    continue;
                }
            };
            let Call { id, method, params } = call;
            if work.is_full() {
                let detail = "the answers to one batch are too long together; ask for less at once";
                work.answer(id, Err(ApiError::edge(Edge::AnswerTooLarge, detail)));
                continue;
            }
            match methods::read(&method, params) {
                // Nobody would ever learn its name.
                Ok(Method::Subscribe(_)) if id.is_none() => {}
                Ok(Method::Subscribe(wanted)) => {
                    let result = self.subscribe(wanted, work);
                    work.answer(id, result);
                }
                Ok(Method::Unsubscribe(name)) => {
                    let result = self.unsubscribe(&name, work);
                    work.answer(id, result);
                }
                Ok(Method::Add(params)) => {
                    let app = self.app.clone();
                    let run =
                        async move { run(methods::add(params, &app.options).await?, &app).await };
                    work.running = Some(Running {
                        id,
                        result: Box::pin(run),
                    });
                }
                Ok(Method::Command(command)) => {
                    let app = self.app.clone();
                    let run = async move { run(command, &app).await };
                    work.running = Some(Running {
                        id,
                        result: Box::pin(run),
                    });
                }
                Err(error) => work.answer(id, Err(error)),
            }
        }
        Some(())
    }

    fn subscribe(&mut self, wanted: Wanted, work: &mut Work) -> Result<String, ApiError> {
        if self.subscriptions.len() + work.begun.len() >= MOST_SUBSCRIPTIONS {
            return Err(ApiError::edge(
                Edge::InvalidRequest,
                format!("{MOST_SUBSCRIPTIONS} subscriptions are open; unsubscribe from one first"),
            ));
        }
        self.named += 1;
        let name = format!("s{}", self.named);
        let (subscription, snapshot) = Subscription::begin(name, wanted, self.app.engine.live());
        if snapshot.len() > MOST_BYTES_OUT {
            return Err(ApiError::edge(
                Edge::AnswerTooLarge,
                "the list is too long for one message; subscribe with \"status\" or \"ids\"",
            ));
        }
        work.begun.push(subscription);
        Ok(snapshot)
    }

    fn unsubscribe(&mut self, name: &str, work: &mut Work) -> Result<String, ApiError> {
        let held = self.subscriptions.len() + work.begun.len();
        self.subscriptions.retain(|held| held.name() != name);
        work.begun.retain(|held| held.name() != name);
        if self.subscriptions.len() + work.begun.len() == held {
            let error = haul_engine::Error::new(
                haul_engine::Kind::InvalidOption,
                format!("subscription: there is no \"{name}\" on this connection"),
            );
            return Err(error.into());
        }
        Ok("{}".to_owned())
    }

    /// Waits until the running command has its answer. Without one it waits for ever.
    async fn answered(working: &mut Option<Work>) {
        let Some(work) = working else {
            return std::future::pending().await;
        };
        let Some(running) = &mut work.running else {
            return;
        };
        let result = (&mut running.result).await;
        let id = running.id.take();
        work.running = None;
        work.answer(id, result);
    }

    /// Waits until one of the subscriptions has something to say and may say it.
    async fn stirred(subscriptions: &mut [Subscription]) -> usize {
        if subscriptions.is_empty() {
            return std::future::pending().await;
        }
        let ready = subscriptions.iter_mut().map(|one| Box::pin(one.ready()));
        select_all(ready).await.1
    }
}

async fn run(command: Command, app: &App) -> Result<String, ApiError> {
    Ok(command::apply(command, &app.engine).await?.to_json())
}

impl Talk for LiveTalk {
    fn hear(&mut self, text: String) {
        self.inbox.push(text);
    }

    fn is_full(&self) -> bool {
        self.inbox.is_full()
    }

    fn is_settled(&self) -> bool {
        self.inbox.is_empty() && self.working.is_none()
    }

    async fn say(&mut self) -> Utf8Bytes {
        loop {
            if self.working.is_none() {
                self.working = self.inbox.pop().map(|text| Work::of(&text));
            }
            if let Some(mut work) = self.working.take() {
                if self.step(&mut work).is_none() {
                    let (said, begun) = work.finished();
                    self.subscriptions.extend(begun);
                    match said {
                        Some(said) => return said.into(),
                        None => continue,
                    }
                }
                self.working = Some(work);
            }
            tokio::select! {
                () = LiveTalk::answered(&mut self.working) => {}
                index = LiveTalk::stirred(&mut self.subscriptions) => {
                    let frame = self.subscriptions[index]
                        .frame(self.app.engine.live(), &self.app.frames);
                    if let Some(frame) = frame {
                        return frame;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fuzz::WORLD;

    #[test]
    fn a_batch_is_answered_so_far_and_no_further() {
        let _within = WORLD.runtime.enter();
        let mut talk = LiveTalk::new(WORLD.app.clone());
        let call = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"subscribe"}}"#);
        let mut work = Work::of(&format!("[{},{}]", call(1), call(2)));
        work.bytes = MOST_BYTES_OUT;
        assert_eq!(talk.step(&mut work), None, "all of it is dealt with");
        let (said, begun) = work.finished();
        let said: Value = serde_json::from_str(&said.expect("answers")).expect("JSON");
        assert_eq!(said[0]["result"]["subscription"], "s1");
        assert_eq!(said[1]["error"]["data"]["code"], "answer_too_large");
        assert_eq!(begun.len(), 1, "what is refused has not begun");
    }
}
