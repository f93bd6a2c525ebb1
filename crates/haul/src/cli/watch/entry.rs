//! A line of text that the user edits. Knows neither what it is for nor where it is shown.

use crossterm::event::{KeyCode, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;

use crate::cli::clip;

/// Most bytes in it: thousands of URLs, and less than the daemon takes in one message.
const MOST: usize = 1 << 20;

/// The text, and where the next letter goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    text: String,
    /// In bytes, between two letters.
    at: usize,
}

impl Entry {
    /// A line that already has some text.
    pub(crate) fn with(text: &str) -> Entry {
        let mut entry = Entry::default();
        entry.insert(text);
        entry
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Puts text in; what ends a line separates words. What is too long is left out: returns whether it
    /// is in.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if self.text.len() + text.len() > MOST {
            return false;
        }
        self.text.insert_str(self.at, &text);
        self.at += text.len();
        true
    }

    /// Does what a key asks for.
    pub(crate) fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        let with_control = modifiers.contains(KeyModifiers::CONTROL);
        match code {
            KeyCode::Char('u') if with_control => self.cut(0),
            KeyCode::Char('w') if with_control => self.cut(self.word()),
            KeyCode::Char('a') if with_control => self.at = 0,
            KeyCode::Char('e') if with_control => self.at = self.text.len(),
            KeyCode::Char(letter) if !with_control => {
                self.insert(letter.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Backspace => self.cut(self.before()),
            KeyCode::Delete => drop(self.text.drain(self.at..self.after())),
            KeyCode::Left => self.at = self.before(),
            KeyCode::Right => self.at = self.after(),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.text.len(),
            _ => {}
        }
    }

    /// What is seen of it in so many cells: before the place of the next letter, and behind it.
    pub(crate) fn seen(&self, cells: usize) -> (&str, &str) {
        let (before, behind) = self.text.split_at(self.at);
        let mut from = 0;
        // The last cell is for the next letter. Long texts are measured near the end only.
        let mut room = cells.saturating_sub(1);
        for (at, letter) in before.grapheme_indices(true).rev() {
            match room.checked_sub(clip::width(letter)) {
                Some(left) => room = left,
                None => {
                    from = at + letter.len();
                    break;
                }
            }
        }
        let before = &before[from..];
        let mut left = cells.saturating_sub(clip::width(before));
        let mut to = 0;
        for letter in behind.graphemes(true) {
            let Some(rest) = left.checked_sub(clip::width(letter)) else {
                break;
            };
            left = rest;
            to += letter.len();
        }
        (before, &behind[..to])
    }

    fn before(&self) -> usize {
        let letter = self.text[..self.at].graphemes(true).next_back();
        self.at - letter.map_or(0, str::len)
    }

    fn after(&self) -> usize {
        let letter = self.text[self.at..].graphemes(true).next();
        self.at + letter.map_or(0, str::len)
    }

    /// Where the word before begins.
    fn word(&self) -> usize {
        let before = self.text[..self.at].trim_end();
        let space = before.char_indices().rfind(|(_, c)| c.is_whitespace());
        space.map_or(0, |(at, space)| at + space.len_utf8())
    }

    /// Takes away what is between `from` and the place of the next letter.
    fn cut(&mut self, from: usize) {
        self.text.drain(from..self.at);
        self.at = from;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn press(entry: &mut Entry, codes: &[KeyCode]) {
        for code in codes {
            entry.key(*code, KeyModifiers::NONE);
        }
    }

    #[test]
    fn letters_go_where_the_cursor_is_and_leave_as_a_whole() {
        let mut entry = Entry::with("夏e\u{301}");
        press(&mut entry, &[KeyCode::Left, KeyCode::Char('x')]);
        assert_eq!(entry.text(), "夏xe\u{301}");
        press(&mut entry, &[KeyCode::Delete, KeyCode::Backspace]);
        assert_eq!(entry.text(), "夏");
        press(
            &mut entry,
            &[KeyCode::Home, KeyCode::Backspace, KeyCode::Char('a')],
        );
        assert_eq!(entry.text(), "a夏");
    }

    #[test]
    fn pasted_lines_become_words_and_words_can_be_taken_back() {
        let mut entry = Entry::with("a\u{2000}b");
        entry.key(KeyCode::Char('w'), KeyModifiers::CONTROL);
        assert_eq!(entry.text(), "a\u{2000}", "not all spaces are a byte long");
        let mut entry = Entry::with("http://h/a\r\nhttp://h/b\n");
        assert_eq!(entry.text(), "http://h/a  http://h/b ");
        entry.key(KeyCode::Char('w'), KeyModifiers::CONTROL);
        assert_eq!(entry.text(), "http://h/a  ");
        entry.key(KeyCode::Char('u'), KeyModifiers::CONTROL);
        assert_eq!(entry.text(), "");
        assert!(!entry.insert(&"x".repeat(MOST + 1)));
        assert_eq!(entry.text(), "", "too long to be sent");
    }

    #[test]
    fn a_long_text_is_seen_where_the_cursor_is() {
        let mut entry = Entry::with("0123456789");
        assert_eq!(entry.seen(5), ("6789", ""));
        press(&mut entry, &[KeyCode::Home]);
        assert_eq!(entry.seen(5), ("", "01234"));
        assert_eq!(Entry::with("夏日").seen(4), ("日", ""));
    }

    proptest! {
        #[test]
        fn no_key_and_no_width_makes_it_panic(text: String, keys in proptest::collection::vec(0_u8..10, 0..40), cells in 0_usize..20) {
            let mut entry = Entry::with(&text);
            for key in keys {
                let (code, modifiers) = match key {
                    0 => (KeyCode::Left, KeyModifiers::NONE),
                    1 => (KeyCode::Right, KeyModifiers::NONE),
                    2 => (KeyCode::Backspace, KeyModifiers::NONE),
                    3 => (KeyCode::Delete, KeyModifiers::NONE),
                    4 => (KeyCode::Char('w'), KeyModifiers::CONTROL),
                    5 => (KeyCode::Char('a'), KeyModifiers::CONTROL),
                    6 => (KeyCode::Char('\u{301}'), KeyModifiers::NONE),
                    7 => (KeyCode::Char('夏'), KeyModifiers::NONE),
                    8 => (KeyCode::End, KeyModifiers::NONE),
                    _ => (KeyCode::Home, KeyModifiers::NONE),
                };
                entry.key(code, modifiers);
                let (before, behind) = entry.seen(cells);
                let cursor = clip::width(before);
                prop_assert!(cursor + clip::width(behind) <= cells && cursor < cells.max(1));
            }
        }
    }
}
