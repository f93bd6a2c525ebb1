//! Keys that came at once. Text that a terminal pastes without saying that it does so comes as keys, and
//! its line ends as Enter: here they separate URLs, so that no line of a list is taken for commands.

use std::time::Instant;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::entry::Entry;
use super::keys::Next;
use super::state::{Mode, Purpose, State};

impl State {
    /// Does what the keys and pastes ask for, one after the other.
    pub(crate) fn burst(&mut self, events: &[Event], now: Instant) -> Next {
        let mut then = Next::Stay;
        for (place, event) in events.iter().enumerate() {
            let next = match event {
                Event::Key(key) => self.pasted_or_typed(*key, &events[place..], now),
                Event::Paste(text) => {
                    self.paste(text, now);
                    Next::Stay
                }
                // The size is looked at before each drawing.
                _ => Next::Stay,
            };
            match next {
                Next::Stay => {}
                Next::Redraw => then = next,
                // What comes after it is for whoever has the terminal then.
                Next::Quit | Next::Suspend => return next,
            }
            // Nothing that is typed moves the choice before it is done.
            if !matches!(self.mode, Mode::Input(..)) {
                self.settle();
            }
        }
        then
    }

    /// `burst` begins with `key`.
    fn pasted_or_typed(&mut self, key: KeyEvent, burst: &[Event], now: Instant) -> Next {
        match &self.mode {
            Mode::Input(Purpose::Add, _) => {
                let ends_a_line = letter(&burst[0]) == Some('\n');
                if ends_a_line && has_url(&burst[1..]) {
                    let space = KeyEvent::new(KeyCode::Char(' '), KeyModifiers::NONE);
                    return self.key(space, now);
                }
            }
            Mode::Input(..) => {}
            // Its letters would be commands.
            _ if first_word(burst).is_some_and(|word| is_url(&word)) => {
                self.type_in(Purpose::Add, Entry::default());
            }
            _ => {}
        }
        self.key(key, now)
    }
}

/// The letter that a key is when it is text.
fn letter(event: &Event) -> Option<char> {
    let Event::Key(key) = event else { return None };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        // What some terminals and multiplexers send for the end of a pasted line.
        KeyCode::Char('j') if control => Some('\n'),
        KeyCode::Char(letter) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
            Some(letter)
        }
        KeyCode::Enter => Some('\n'),
        KeyCode::Tab => Some('\t'),
        _ => None,
    }
}

/// The letters up to the next space or key that is no letter.
fn first_word(burst: &[Event]) -> Option<String> {
    let letters = burst.iter().map_while(letter);
    let word: String = letters.take_while(|c| !c.is_whitespace()).collect();
    (!word.is_empty()).then_some(word)
}

fn has_url(burst: &[Event]) -> bool {
    let words = burst.split(|event| letter(event).is_none_or(char::is_whitespace));
    words.filter_map(first_word).any(|word| is_url(&word))
}

/// Whether it looks like what the daemon takes.
fn is_url(word: &str) -> bool {
    let start = |scheme: &str| {
        word.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    start("http://") || start("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    const URLS: [&str; 3] = ["http://h/x", "https://h/d", "HTTP://h/q"];

    fn screen() -> State {
        let now = Instant::now();
        let mut state = State::new("http://h".to_owned(), (80, 24), now);
        state.up(now);
        state.settle();
        state.talk.take(usize::MAX);
        state
    }

    fn keys(text: &str) -> Vec<Event> {
        let code = |letter| match letter {
            '\r' => KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE),
            '\n' => KeyEvent::new(KeyCode::Char('j'), KeyModifiers::CONTROL),
            '\t' => KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE),
            letter => KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE),
        };
        text.chars()
            .map(|letter| Event::Key(code(letter)))
            .collect()
    }

    /// What the daemon is asked to add, a list for each time.
    fn added(state: &mut State) -> Vec<Vec<String>> {
        let calls = state.talk.take(usize::MAX);
        let calls = calls.iter().map(|call| {
            let call: serde_json::Value = serde_json::from_str(call).expect("JSON");
            assert_eq!(call["method"], "downloads.add", "{call}");
            serde_json::from_value(call["params"]["urls"].clone()).expect("URLs")
        });
        calls.collect()
    }

    fn typed(state: &State) -> &str {
        match &state.mode {
            Mode::Input(Purpose::Add, entry) => entry.text(),
            other => panic!("no URLs are typed, but {other:?}"),
        }
    }

    #[test]
    fn the_lines_of_a_paste_that_nobody_marks_are_one_list_and_no_commands() {
        for (end, first) in [
            ("\r", "a"),
            ("\n", "a"),
            ("\r\n", "a"),
            ("\t", "a"),
            ("\r", ""),
        ] {
            let mut state = screen();
            let text = format!("{first}{}", URLS.join(end));
            assert_eq!(state.burst(&keys(&text), Instant::now()), Next::Stay);
            let words: Vec<&str> = typed(&state).split_whitespace().collect();
            assert_eq!(words, URLS, "{end:?}");
            assert!(added(&mut state).is_empty(), "{end:?}: not before Enter");
            state.burst(&keys("\r"), Instant::now());
            assert_eq!(added(&mut state), [URLS.map(str::to_owned)], "{end:?}");
        }
    }

    #[test]
    fn keys_that_wait_while_the_terminal_is_slow_are_still_keys() {
        let mut state = screen();
        for (text, urls) in [("ahttp://h/a\rq", 1), ("ahttp://h/a\rhttp://h/b\rq", 2)] {
            let next = state.burst(&keys(text), Instant::now());
            let added: Vec<usize> = added(&mut state).iter().map(Vec::len).collect();
            assert_eq!((added, next), (vec![urls], Next::Quit), "{text:?}");
        }
        let mut state = screen();
        state.burst(&keys("?h"), Instant::now());
        assert_eq!(state.mode, Mode::List, "help was opened and closed");
        state.burst(&keys("/http://h\r"), Instant::now());
        assert_eq!(
            state.list.search(),
            "http://h",
            "a search may look like a URL"
        );
    }
}
