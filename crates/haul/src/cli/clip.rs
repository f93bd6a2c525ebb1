//! Text that must fit into so many cells of a terminal. Counts as terminals do: a letter of CJK and an
//! emoji fill two. Knows nothing of what the text says.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Joins letters and emoji. Some terminals put into its cell whatever comes next.
const JOINER: char = '\u{200d}';

/// How many cells a text fills.
pub(crate) fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// A text whose width all terminals agree on: `mark` stands for flags, and for emoji of several characters,
/// which some terminals count as one and others one by one.
pub(crate) fn undisputed(text: &str, mark: char) -> String {
    let mut agreed = String::with_capacity(text.len());
    for letter in text.graphemes(true) {
        if is_disputed(letter) {
            agreed.push(mark);
        } else {
            // Letters of languages are read without it, too.
            agreed.extend(letter.chars().filter(|c| *c != JOINER));
        }
    }
    agreed
}

fn is_disputed(letter: &str) -> bool {
    let one_by_one: usize = letter.chars().filter_map(UnicodeWidthChar::width).sum();
    // The letters and the tags that flags are made of.
    let is_flag = |c| matches!(c, '\u{1f1e6}'..='\u{1f1ff}' | '\u{e0020}'..='\u{e007f}');
    letter.width() != one_by_one || letter.contains(is_flag)
}

/// A text in exactly `cells`: cut at its end, or followed by spaces. `mark` stands where it was cut.
pub(crate) fn left(text: &str, cells: usize, mark: char) -> String {
    filled(end(text, cells, mark), cells)
}

/// The same, with what is too long cut out of the middle, so that a name keeps its extension.
pub(crate) fn name(text: &str, cells: usize, mark: char) -> String {
    filled(middle(text, cells, mark), cells)
}

/// A text in at least `cells`, behind spaces.
pub(crate) fn right(text: &str, cells: usize) -> String {
    let space = cells.saturating_sub(width(text));
    format!("{}{text}", " ".repeat(space))
}

/// A text of at most `cells`, cut at its end.
pub(crate) fn end(text: &str, cells: usize, mark: char) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let Some(room) = cells.checked_sub(1) else {
        return String::new();
    };
    format!("{}{mark}", start(text, room))
}

/// A text of at most `cells`, cut in the middle.
pub(crate) fn middle(text: &str, cells: usize, mark: char) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let Some(room) = cells.checked_sub(1) else {
        return String::new();
    };
    // As much of its end: that is where the parts of a series differ.
    let back = last(text, room / 2);
    let front = start(text, room - width(back));
    format!("{front}{mark}{back}")
}

/// A text in exactly `cells`, as [`left`]; one of two parts (`…; next try in 5 s`) is cut in the first,
/// as long as some of that remains.
pub(crate) fn parts(text: &str, cells: usize, mark: char) -> String {
    let last = text.rfind("; ").map_or("", |at| &text[at..]);
    let room = cells.saturating_sub(width(last));
    if last.is_empty() || room < SHORTEST_PART {
        return left(text, cells, mark);
    }
    let first = middle(&text[..text.len() - last.len()], room, mark);
    filled(first + last, cells)
}

/// Less of a part tells nothing.
const SHORTEST_PART: usize = 8;

/// As much of a text's start as fits.
fn start(text: &str, cells: usize) -> &str {
    let mut room = cells;
    for (at, grapheme) in text.grapheme_indices(true) {
        match room.checked_sub(grapheme.width()) {
            Some(left) => room = left,
            None => return &text[..at],
        }
    }
    text
}

/// As much of a text's end as fits.
fn last(text: &str, cells: usize) -> &str {
    let mut room = cells;
    let mut from = text.len();
    for (at, grapheme) in text.grapheme_indices(true).rev() {
        match room.checked_sub(grapheme.width()) {
            Some(left) => (room, from) = (left, at),
            None => break,
        }
    }
    &text[from..]
}

/// A text with spaces behind it: one that a wide letter did not fit into may be a cell short.
fn filled(mut text: String, cells: usize) -> String {
    let space = cells.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', space));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_cut_in_the_middle_and_keeps_its_extension() {
        let long = "a-very-long-name-of-a-film-that-nobody-has-seen.2026.mp4";
        assert_eq!(middle(long, 20, '…'), "a-very-lon….2026.mp4");
        assert_eq!(
            middle("archive-2026-07-01.tar.gz", 16, '…'),
            "archive-….tar.gz"
        );
        assert_eq!(middle("short.iso", 20, '…'), "short.iso");
        assert_eq!(middle("short.iso", 0, '…'), "");
        assert_eq!(middle("short.iso", 1, '…'), "…");
    }

    #[test]
    fn of_two_parts_the_first_is_cut_as_long_as_some_of_it_remains() {
        let text = "the server answers 503 (Service Unavailable); next try in 12 s";
        assert_eq!(parts(text, 70, '…'), format!("{text:70}"));
        assert_eq!(
            parts(text, 40, '…'),
            "the server …available); next try in 12 s"
        );
        assert_eq!(parts(text, 20, '…'), "the server answers …");
        assert_eq!(parts("no second part at all", 12, '…'), "no second p…");
    }

    #[test]
    fn wide_letters_are_counted_as_two_cells_and_never_cut() {
        assert_eq!(width("夏日の思い出.mp4"), 16);
        assert_eq!(middle("夏日の思い出.mp4", 11, '…'), "夏日の….mp4");
        assert_eq!(width(&name("夏日の思い出.mp4", 12, '…')), 12);
        assert_eq!(end("夏日", 3, '…'), "夏…");
    }

    #[test]
    fn what_terminals_count_differently_is_a_mark_and_all_else_stays() {
        for disputed in [
            "\u{1f1e9}\u{1f1ea}",
            "\u{1f1e9}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e007f}",
            "\u{1f469}\u{200d}\u{1f4bb}",
            "\u{2764}\u{fe0f}",
            "\u{1f44d}\u{1f3fd}",
            "1\u{fe0f}\u{20e3}",
        ] {
            let name = format!("a{disputed}b");
            assert_eq!(undisputed(&name, '□'), "a□b", "{disputed:?}");
        }
        for agreed in [
            "夏日.mp4",
            "😀.png",
            "e\u{301}",
            "한글",
            "नमस्ते",
            "\u{2764}",
            "a-b.iso",
        ] {
            assert_eq!(undisputed(agreed, '□'), agreed);
        }
        // Some terminals would put the last letter into the cell of the one before.
        assert_eq!(
            undisputed("ක\u{dca}\u{200d}ර😀\u{200d}a", '□'),
            "ක\u{dca}ර😀a"
        );
    }

    proptest! {
        #[test]
        fn what_is_filled_is_exactly_as_wide_as_asked(text: String, cells in 0_usize..60) {
            // A terminal never gets a control character: `plain` comes before.
            let text = crate::cli::paint::plain(&text);
            prop_assert_eq!(width(&left(&text, cells, '…')), cells);
            prop_assert_eq!(width(&name(&text, cells, '…')), cells);
            let parts = parts(&format!("{text}; {text}"), cells, '…');
            prop_assert_eq!(width(&parts), cells);
        }
    }
}
