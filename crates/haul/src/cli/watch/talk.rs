//! What is asked of the daemon, and which answer belongs to which question. Owns the numbers of calls;
//! knows nothing of what they mean.

use std::collections::HashMap;

use haul_engine::Id;
use serde_json::{Value as Json, json};

/// Most calls on their way: a key that is held down piles up no more before a slow daemon.
pub(super) const MOST_OPEN: usize = 64;

/// What was asked for, and so what its answer is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All downloads, from now on.
    List,
    /// Everything about one, from now on.
    Details(Id),
    /// The settings in force.
    Settings,
    /// Something whose answer says nothing new.
    Unheard,
    /// What the user wants done; this is said when it is.
    Done(String),
    /// Downloads that the user adds, as they were typed or pasted.
    Add(String),
}

/// Calls on their way.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    last: u64,
    open: HashMap<u64, Asked>,
    out: Vec<String>,
}

impl Talk {
    /// Calls a method: the message is put to those that are to be sent.
    pub(crate) fn ask(&mut self, asked: Asked, method: &str, params: &Json) {
        self.last += 1;
        self.open.insert(self.last, asked);
        let call = json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params});
        self.out.push(call.to_string());
    }

    /// What the answer with this number is about.
    pub(crate) fn answered(&mut self, id: &Json) -> Option<Asked> {
        self.open.remove(&id.as_u64()?)
    }

    /// Whether the daemon has so much to answer that the user is to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() >= MOST_OPEN
    }

    /// Takes the messages that are to be sent, the first `most` of them.
    pub(crate) fn take(&mut self, most: usize) -> Vec<String> {
        let most = most.min(self.out.len());
        self.out.drain(..most).collect()
    }

    /// Nothing that was asked will be answered any more. Returns what the user waited for.
    pub(crate) fn broken(&mut self) -> Vec<Asked> {
        self.out.clear();
        let wanted = |asked: &Asked| matches!(asked, Asked::Done(_) | Asked::Add(_));
        let open = std::mem::take(&mut self.open);
        open.into_values().filter(wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_sent_later_and_in_order() {
        let mut talk = Talk::default();
        for place in 0..5 {
            talk.ask(
                Asked::Unheard,
                "downloads.move",
                &json!({"position": place}),
            );
        }
        let sent: Vec<String> = [2, 0, 9].map(|room| talk.take(room)).concat();
        let places = sent
            .iter()
            .map(|call| serde_json::from_str::<Json>(call).expect("JSON"))
            .map(|call| call["params"]["position"].as_u64());
        assert_eq!(places.flatten().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn an_answer_finds_its_question_once() {
        let mut talk = Talk::default();
        talk.ask(Asked::List, "subscribe", &json!({}));
        talk.ask(
            Asked::Add("http://h/a".to_owned()),
            "downloads.add",
            &json!({"urls": ["http://h/a"]}),
        );
        let sent: Vec<Json> = talk
            .take(usize::MAX)
            .iter()
            .map(|call| serde_json::from_str(call).expect("JSON"))
            .collect();
        assert_eq!(sent[1]["params"]["urls"][0], "http://h/a");
        let asked = talk.answered(&sent[1]["id"]);
        assert_eq!(asked, Some(Asked::Add("http://h/a".to_owned())));
        assert_eq!(talk.answered(&sent[1]["id"]), None);
        assert_eq!(talk.answered(&Json::Null), None);
        assert!(talk.broken().is_empty(), "nothing of the user's is open");
        assert_eq!(
            talk.answered(&sent[0]["id"]),
            None,
            "its connection is gone"
        );
    }
}
