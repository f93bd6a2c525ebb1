//! The summary of all benchmarks in the READMEs, of both languages: made of the rows that `docs/benchmarks.md`
//! keeps. Knows nothing of how they were measured.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use crate::tools;

const BEGIN: &str = "<!-- bench begin: written by `cargo xtask bench --write` -->";
const END: &str = "<!-- bench end -->";

const ENGLISH: &str = "\
![How long one file of 2 GiB takes](docs/bench-big.svg)

| | haul | best of the others | floor or ideal |
|---|---|---|---|
";

const RUSSIAN: &str = "\
![За сколько приходит один файл в 2 ГиБ](docs/bench-big.svg)

| | haul | лучшая из других программ | предел или идеал |
|---|---|---|---|
";

/// What the rows are made of, in Russian.
const WORDS: [(&str, &str); 14] = [
    ("| One large file |", "| Один большой файл |"),
    ("| The same over TLS 1.3 |", "| Он же через TLS 1.3 |"),
    (
        "| Many small files through the daemon |",
        "| Много маленьких файлов через демон |",
    ),
    ("| Many small files |", "| Много маленьких файлов |"),
    (
        "| 4 MiB/s for each connection |",
        "| По 4 МиБ/с на соединение |",
    ),
    (
        "| One connection of four is slow |",
        "| Одно соединение из четырёх медленное |",
    ),
    (
        "| Four connections of eight are slow |",
        "| Четыре соединения из восьми медленные |",
    ),
    ("| 100 ms away |", "| Сервер в 100 мс |"),
    ("(floor)", "(предел)"),
    ("(ideal)", "(идеал)"),
    (", 8 at once)", ", 8 сразу)"),
    (" files/s", " файлов/с"),
    (" s**", " с**"),
    (" s (", " с ("),
];

/// Brings both READMEs up to date with the page of the benchmarks.
pub(super) fn keep(page: &str) -> Result<()> {
    for (name, summary) in [
        ("README.md", english(page)),
        ("README.ru.md", russian(page)),
    ] {
        let place = tools::root().join(name);
        let text = fs::read_to_string(&place).with_context(|| format!("cannot read {name}"))?;
        let text = between_marks(&text, &summary)
            .with_context(|| format!("{name} has no marks for the benchmark"))?;
        fs::write(&place, text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

fn english(page: &str) -> String {
    rows(page).fold(ENGLISH.to_owned(), |mut text, row| {
        let _ = writeln!(text, "{row}");
        text
    })
}

fn russian(page: &str) -> String {
    rows(page).fold(RUSSIAN.to_owned(), |mut text, row| {
        let words = WORDS.iter();
        let row = words.fold(row.to_owned(), |row, (from, to)| row.replace(from, to));
        let _ = writeln!(text, "{row}");
        text
    })
}

fn rows(page: &str) -> impl Iterator<Item = &str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("<!-- row ")?.strip_suffix(" -->"))
}

fn between_marks(text: &str, inner: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{inner}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = between_marks(&text, "new\n").expect("both marks are there");
        assert_eq!(new, format!("before\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert_eq!(between_marks("no marks", "new"), None);
    }

    #[test]
    fn both_readmes_have_the_figures_of_the_page_and_each_its_language() {
        let read = |name: &str| {
            let text = fs::read_to_string(tools::root().join(name));
            text.expect("a file of the repository")
        };
        let page = read("docs/benchmarks.md");
        assert!(rows(&page).count() >= 8, "the page has a row for each work");
        for (name, summary) in [
            ("README.md", english(&page)),
            ("README.ru.md", russian(&page)),
        ] {
            let text = read(name);
            let same = between_marks(&text, &summary).expect("marks");
            assert_eq!(text, same, "{name}");
        }
        // The name of a program may be Latin, and so is the unit of bytes.
        let is_english = |row: &&str| row.split('|').nth(1).is_some_and(str::is_ascii);
        let russian = russian(&page);
        let left: Vec<&str> = russian.lines().skip(4).filter(is_english).collect();
        assert_eq!(left, [""; 0], "a work without a Russian name");
    }
}
