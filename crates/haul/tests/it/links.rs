//! What the documentation leads to is there: every page, file and picture that a page of the repository names.

use std::fs;
use std::path::{Path, PathBuf};

/// The pages at the root and in `docs/`.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = [root.clone(), root.join("docs")]
        .into_iter()
        .flat_map(|dir| {
            let entries = fs::read_dir(dir).expect("a directory of the repository");
            entries.map(|entry| entry.expect("an entry").path())
        });
    files
        .filter(|file| file.extension().is_some_and(|end| end == "md"))
        .collect()
}

/// What a page links to or shows, as Markdown and as HTML; what is quoted as code is no link.
fn targets(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_code = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for (before, after) in [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')] {
            let begun = line.split(before).skip(1);
            found.extend(begun.filter_map(|rest| Some(rest.split_once(after)?.0)));
        }
    }
    found
}

#[test]
fn every_page_file_and_picture_that_is_named_exists() {
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        let dir = page.parent().expect("a page lies in a directory");
        for target in targets(&text) {
            let path = target.split('#').next().unwrap_or(target);
            if path.is_empty() || path.contains("://") {
                continue;
            }
            let place = dir.join(path);
            let has_content = fs::metadata(&place).is_ok_and(|found| found.len() > 0);
            assert!(has_content, "{} leads to {target}", page.display());
            if place.extension().is_some_and(|end| end == "svg") {
                let drawn = fs::read_to_string(&place).expect("a picture");
                is_well_formed(&drawn).unwrap_or_else(|why| panic!("{}: {why}", place.display()));
            }
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} links");
}

/// Whether every element is closed in its turn. Ours have no comments that contain one, and no sections of
/// raw text.
fn is_well_formed(drawn: &str) -> Result<(), String> {
    let mut open = Vec::new();
    for tag in drawn.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').ok_or(format!("<{tag} has no end"))?;
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
        } else if !tag.starts_with(['?', '!']) && !tag.ends_with('/') {
            open.extend(tag.split_ascii_whitespace().next());
        }
        if text
            .replace("&amp;", "")
            .split('&')
            .skip(1)
            .any(|rest| !rest.contains(';'))
        {
            return Err(format!("a bare & in {text}"));
        }
    }
    match open.is_empty() {
        true => Ok(()),
        false => Err(format!("{open:?} stay open")),
    }
}

#[test]
fn links_are_found_in_every_form_and_broken_pictures_seen() {
    let page = "[a](b.md#c) ![d](e.svg)\n<img src=\"f.png\">\n```\n[no](link)\n```\n[g](h)";
    assert_eq!(targets(page), ["b.md#c", "e.svg", "f.png", "h"]);
    assert_eq!(is_well_formed("<a b=\"c\"><d/>&amp;</a>"), Ok(()));
    for broken in ["<a><b></a></b>", "<a>", "<a", "<a>x & y</a>"] {
        assert!(is_well_formed(broken).is_err(), "{broken}");
    }
}
