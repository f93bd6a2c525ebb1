//! What is asked of the daemon, and which answer belongs to which question. Owns the numbers of calls;
//! knows nothing of what they mean.

use std::collections::HashMap;

use haul_engine::Id;
use serde_json::{Value as Json, json};

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
    /// Downloads that the user adds.
    Add,
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

    /// Takes the messages that are to be sent.
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out)
    }

    /// Nothing that was asked will be answered any more. Says whether the user waited for something.
    pub(crate) fn broken(&mut self) -> bool {
        self.out.clear();
        let wanted = |asked: Asked| matches!(asked, Asked::Done(_) | Asked::Add);
        self.open.drain().any(|(_, asked)| wanted(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_finds_its_question_once() {
        let mut talk = Talk::default();
        talk.ask(Asked::List, "subscribe", &json!({}));
        talk.ask(
            Asked::Add,
            "downloads.add",
            &json!({"urls": ["http://h/a"]}),
        );
        let sent: Vec<Json> = talk
            .take()
            .iter()
            .map(|call| serde_json::from_str(call).expect("JSON"))
            .collect();
        assert_eq!(sent[1]["params"]["urls"][0], "http://h/a");
        assert_eq!(talk.answered(&sent[1]["id"]), Some(Asked::Add));
        assert_eq!(talk.answered(&sent[1]["id"]), None);
        assert_eq!(talk.answered(&Json::Null), None);
        assert!(!talk.broken(), "nothing of the user's is open");
        assert_eq!(
            talk.answered(&sent[0]["id"]),
            None,
            "its connection is gone"
        );
    }
}
